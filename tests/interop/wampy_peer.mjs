// What the checks of wampy share: a session. The script that imports this is called with URL json|msgpack|cbor.

import { Wampy } from 'wampy';
import { CborSerializer } from 'wampy/CborSerializer.js';
import { JsonSerializer } from 'wampy/JsonSerializer.js';
import { MsgpackSerializer } from 'wampy/MsgpackSerializer.js';
import WebSocket from 'ws';
import { within } from './steps.mjs';

export const [url, serializer] = process.argv.slice(2);
const serializers = { json: JsonSerializer, msgpack: MsgpackSerializer, cbor: CborSerializer };
export const uriOf = (error) => error?.errorUri ?? String(error);

/** A session and its WELCOME. `prepare` gets the session before it joins. */
export async function connect(options = {}, prepare = () => {}) {
    const session = new Wampy(url, {
        realm: 'realm1',
        ws: WebSocket,
        serializer: new serializers[serializer](),
        autoReconnect: false,
        ...options,
    });
    prepare(session);
    return [session, await within(session.connect())];
}
