// What the checks of autobahn-js share: a session. The script that imports this is called with URL json|msgpack|cbor.

import autobahn from 'autobahn';
import { Inbox, within } from './steps.mjs';
import './xhr.mjs';

export const [url, serializer] = process.argv.slice(2);
export const transport = url.startsWith('http') ? 'lp' : url.slice(0, 2);
const serializers = {
    json: autobahn.serializer.JSONSerializer,
    msgpack: autobahn.serializer.MsgpackSerializer,
    cbor: autobahn.serializer.CBORSerializer,
};
export const uriOf = (error) => error?.error ?? error?.reason ?? String(error);

function transports() {
    if (transport === 'ws') return [{ type: 'websocket', url, serializers: [new serializers[serializer]()] }];
    if (transport === 'lp') return [{ type: 'longpoll', url }];
    const [host, port] = url.slice('rs://'.length).split(':');
    return [{ type: 'rawsocket', host, port: Number(port) }];
}

/** A session with its connection, or the reason why there is none as an error. */
export function connect(options = {}) {
    return within(
        new Promise((resolve, reject) => {
            const closed = new Inbox();
            const connection = new autobahn.Connection({
                realm: 'realm1',
                transports: transports(),
                max_retries: 0,
                on_user_error: () => {},
                ...options,
            });
            connection.onopen = (session, details) => {
                const leave = async () => {
                    connection.close();
                    return within(closed.take());
                };
                resolve({ session, details, leave });
            };
            connection.onclose = (_, { reason }) => {
                closed.put(reason);
                reject({ reason });
                return true;
            };
            connection.open();
        }),
    );
}
