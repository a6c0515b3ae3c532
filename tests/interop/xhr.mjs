// As much of a browser's XMLHttpRequest as the long-poll transport of autobahn-js asks for, over fetch.

globalThis.XMLHttpRequest ??= class {
    readyState = 0;
    status = 0;
    statusText = '';
    responseText = '';
    timeout = 0;
    #headers = {};

    open(method, url) {
        this.method = method;
        this.url = url;
    }

    setRequestHeader(name, value) {
        this.#headers[name] = value;
    }

    async send(body) {
        const signal = this.timeout > 0 ? AbortSignal.timeout(this.timeout) : undefined;
        try {
            const response = await fetch(this.url, { method: this.method, headers: this.#headers, body, signal });
            this.responseText = await response.text();
            this.status = response.status;
            this.statusText = response.statusText;
        } catch (error) {
            this.statusText = String(error);
        }
        this.readyState = 4;
        if (this.ontimeout && this.status === 0) this.ontimeout();
        else this.onreadystatechange?.();
    }
};
