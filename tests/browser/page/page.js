// What a page does with event streams, in a browser's own EventSource and WebSocket. It keeps all that it was told.

const heard = { events: [], gaps: [], errors: [], sources: 0, closed: 0 };
let source;

/** The stream's own last words and what it says besides, as they came. */
function keep(from) {
    source = from;
    heard.sources += 1;
    from.addEventListener('message', (event) => {
        heard.last = event.lastEventId;
        heard.events.push(JSON.parse(event.data));
    });
    from.addEventListener('gap', (event) => heard.gaps.push(JSON.parse(event.data)));
    from.addEventListener('error', (event) => {
        // An event of the stream has data; one of the browser has none.
        if (event.data) heard.errors.push(event.data);
        if (from.readyState === EventSource.CLOSED) heard.closed += 1;
    });
    return opened(from);
}

/** Waits until a source is open, or closed for good. */
function opened(from) {
    return new Promise((resolve) => {
        const look = () => from.readyState !== EventSource.CONNECTING && resolve(from.readyState === EventSource.OPEN);
        from.addEventListener('open', look);
        from.addEventListener('error', look);
    });
}

/** Listens by itself: the browser reconnects and says what it got last. */
function listen(url) {
    return keep(new EventSource(url));
}

async function ticketFor(api, credential, body) {
    const headers = { Authorization: credential, 'Content-Type': 'application/json' };
    const answer = await fetch(`${api}/tickets`, { method: 'POST', headers, body: JSON.stringify(body) });
    if (answer.status !== 201) throw new Error(`no ticket: ${answer.status} ${await answer.text()}`);
    return (await answer.json()).ticket;
}

/** Listens by a ticket, and when the browser gives up by another one, behind what it was told last. */
async function listenByTicket(api, topic, credential) {
    const ticket = await ticketFor(api, credential, { use: 'events', topics: [topic] });
    heard.ticket = ticket;
    const from = new EventSource(`${api}/events?topic=${topic}&ticket=${ticket}&last_event_id=${heard.last ?? ''}`);
    from.addEventListener('error', () => {
        const again = () => listenByTicket(api, topic, credential).catch(() => setTimeout(again, 100));
        if (from.readyState === EventSource.CLOSED) again();
    });
    return keep(from);
}

/** A session of a WebSocket by a ticket: its WELCOME. */
async function joinByTicket(api, websocket, realm, credential) {
    const ticket = await ticketFor(api, credential, { use: 'websocket' });
    const socket = new WebSocket(`${websocket}?ticket=${ticket}`, 'wamp.2.json');
    return new Promise((resolve, reject) => {
        socket.onopen = () => socket.send(JSON.stringify([1, realm, { roles: { subscriber: {} } }]));
        socket.onmessage = (event) => resolve(JSON.parse(event.data));
        socket.onclose = () => reject(new Error('the WebSocket was closed'));
    });
}

/** A WAMP session over server-sent events that subscribes to a topic. */
async function joinByEvents(base, realm, topic) {
    const post = (path, body) => fetch(`${base}/${path}`, { method: 'POST', body: JSON.stringify(body) });
    const { transport } = await (await post('open', { protocols: ['wamp.2.json.sse'] })).json();
    const messages = new EventSource(`${base}/${transport}/receive`);
    const waiting = [];
    const come = [];
    messages.addEventListener('wamp', (event) => {
        const message = JSON.parse(event.data);
        if (message[0] === 36) heard.events.push({ publication: message[2], args: message[4] });
        else if (waiting.length > 0) waiting.shift()(message);
        else come.push(message);
    });
    const next = () => new Promise((resolve) => (come.length > 0 ? resolve(come.shift()) : waiting.push(resolve)));
    await post(`${transport}/send`, [1, realm, { roles: { subscriber: {} } }]);
    const welcome = await next();
    await post(`${transport}/send`, [32, 1, {}, topic]);
    return [welcome[0], (await next())[0]];
}
