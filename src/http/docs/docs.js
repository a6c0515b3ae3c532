// The documentation page: what the listener serves, and what may be called in a realm, with a form to try it.
'use strict';

const at = (id) => document.getElementById(id);

/** An element with text and children: everything that comes from elsewhere goes in as text. */
function element(name, properties = {}, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
}

function credential() {
    const [authid, ticket] = [at('authid').value, at('ticket').value];
    if (!ticket) return {};
    if (!authid) return { Authorization: `Bearer ${ticket}` };
    const octets = new TextEncoder().encode(`${authid}:${ticket}`);
    return { Authorization: `Basic ${btoa(String.fromCharCode(...octets))}` };
}

async function ask(path, options = {}) {
    const headers = { ...credential(), ...options.headers };
    const response = await fetch(path, { ...options, headers, credentials: 'omit' });
    const text = await response.text();
    try {
        return { status: response.status, body: JSON.parse(text) };
    } catch {
        return { status: response.status, body: text };
    }
}

function form(path) {
    const args = element('textarea', { rows: 4, value: '{"args": [], "kwargs": {}}', spellcheck: false });
    const answer = element('pre', { hidden: true });
    const button = element('button', { type: 'button', textContent: 'Call' });
    button.addEventListener('click', async () => {
        answer.hidden = false;
        answer.textContent = '...';
        try {
            const { status, body } = await ask(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: args.value });
            answer.textContent = `${status}\n${JSON.stringify(body, null, 2)}`;
        } catch (error) {
            answer.textContent = String(error);
        }
    });
    return element('div', {}, element('label', {}, 'Body', args), button, answer);
}

function operations(described) {
    return Object.entries(described.paths).flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );
}

/** A schema, with the component that it is in place of its name. */
function schemaOf(operation, described) {
    const schema = operation.requestBody?.content['application/json'].schema;
    const name = schema?.$ref?.split('/').pop();
    return name ? described.components.schemas[name] : schema;
}

function shown({ path, method, operation }, described, ofRealm) {
    // Routes of the operator's own are asked with their own parameters: there is no form for them.
    const mayTry = ofRealm && path.startsWith('/api/v1/realms/');
    const name = element('code', { textContent: mayTry ? operation.operationId : path });
    if (operation.deprecated) name.className = 'deprecated';
    const head = mayTry ? [name] : [element('span', { className: 'method', textContent: method }), name];
    const told = mayTry && operation.summary === operation.operationId ? '' : ` ${operation.summary}`;
    const details = element('details', {}, element('summary', {}, ...head, told));
    if (operation.description) details.append(element('p', { textContent: operation.description }));
    const schema = schemaOf(operation, described);
    if (schema) details.append(element('pre', { textContent: JSON.stringify(schema, null, 2) }));
    if (mayTry) details.append(form(path));
    return details;
}

async function show(where, path, ofRealm) {
    const place = at(where);
    place.replaceChildren('...');
    try {
        const { status, body } = await ask(path);
        if (status !== 200) throw new Error(body.detail ?? `${status}`);
        const found = operations(body);
        place.replaceChildren(...found.map((one) => shown(one, body, ofRealm)));
        if (found.length === 0) place.replaceChildren(`Nothing that you may call is registered by its exact URI. ${body.info.description}`);
    } catch (error) {
        place.replaceChildren(`It cannot be shown: ${error.message}`);
    }
}

at('realm-form').addEventListener('submit', (event) => {
    event.preventDefault();
    show('procedures', `/api/v1/realms/${encodeURIComponent(at('realm').value)}/openapi.json`, true);
});
if (at('realm').value) at('realm-form').requestSubmit();
show('endpoints', '/api/v1/openapi.json', false);
