// Wharf as autobahn-js sees it: node autobahn_js.mjs URL json|msgpack|cbor
//
// URL is ws://HOST:PORT/ws or rs://HOST:PORT (JSON only). Each step ends with a comparison; the exit status is 0 when every
// step held. The router runs with wharf.toml of this folder. What must not come is awaited by what must come after it. The
// extras of the Advanced Profile are in autobahn_js_advanced.mjs.

import autobahn from 'autobahn';
import { connect, serializer, transport, uriOf } from './autobahn_js_peer.mjs';
import { Inbox, Steps, pause, within } from './steps.mjs';

const base = `com.example.interop.autobahn_js.${transport}.${serializer}`;

function welcome(steps, session, details) {
    steps.equal('WELCOME: the session id is in its range', Number.isSafeInteger(session.id) && session.id >= 1, true);
    const named = [details.realm, details.authrole, details.authmethod];
    steps.equal('WELCOME: who we are', named, ['realm1', 'anonymous', 'anonymous']);
    for (const feature of ['pattern_based_subscription', 'publisher_exclusion', 'subscriber_blackwhite_listing']) {
        steps.equal(`WELCOME: broker has ${feature}`, details.roles.broker.features[feature], true);
    }
    for (const feature of ['progressive_call_results', 'call_canceling', 'call_timeout', 'shared_registration']) {
        steps.equal(`WELCOME: dealer has ${feature}`, details.roles.dealer.features[feature], true);
    }
}

async function payloads(steps, caller, callee) {
    const echo = (args, kwargs) => new autobahn.Result(args, kwargs);
    const registration = await within(callee.register(`${base}.echo`, echo));
    steps.equal('REGISTERED: id', registration.id > 0, true);
    // A list that is longer than one comes back as a Result.
    const positional = async (args) => (await within(caller.call(`${base}.echo`, args))).args;
    const integers = [0, -1, 255, 256, -(2 ** 31), 2 ** 53 - 1];
    steps.equal('positional integers', await positional(integers), integers);
    const texts = ['', 'é\u4e2d\u{1f600}', 'quo"te\\', '\x18\x1e\n'];
    steps.equal('positional texts', await positional(texts), texts);
    const keywords = { first: 1, second: { deep: [true, null, { x: [] }] } };
    const answer = await within(caller.call(`${base}.echo`, [], keywords));
    steps.equal('keyword values', [answer.args, answer.kwargs], [[], keywords]);
    steps.equal('floats', await positional([1.5, -0.1, 1e300]), [1.5, -0.1, 1e300]);
    steps.equal('null', await positional([null, [null, false]]), [null, [null, false]]);
    if (serializer === 'json') {
        // The library knows no binary in JSON: the text that stands for it comes through as it is.
        steps.equal('binary in JSON, as text', await positional(['\0AP+A', 1]), ['\0AP+A', 1]);
    } else {
        const octets = Buffer.from([0, 255, 128, 66]);
        steps.equal('binary', Buffer.from((await positional([octets, 1]))[0]), octets);
    }
    const large = [...Array(60_000).keys()].join(' ');
    steps.equal('a payload of 350,000 octets', (await within(caller.call(`${base}.echo`, [large]))) === large, true);
    const numbers = [...Array(100).keys()];
    const many = await Promise.all(numbers.map((number) => within(caller.call(`${base}.echo`, [number]))));
    steps.equal('100 calls at a time', many, numbers);
    return registration;
}

async function errors(steps, caller, callee) {
    const fail = () => {
        throw new autobahn.Error('com.example.error.failed', [7], { cause: 'test' });
    };
    await within(callee.register(`${base}.fail`, fail));
    const error = await steps.refused('application error', caller.call(`${base}.fail`), 'com.example.error.failed', uriOf);
    steps.equal('application error: arguments', [error.args, error.kwargs], [[7], { cause: 'test' }]);
    await steps.refused('no_such_procedure', caller.call(`${base}.none`), 'wamp.error.no_such_procedure', uriOf);
    const again = caller.register(`${base}.fail`, fail);
    await steps.refused('procedure_already_exists', again, 'wamp.error.procedure_already_exists', uriOf);
}

async function progress(steps, caller, callee) {
    const asked = [];
    const count = ([number], _, details) => {
        asked.push(Boolean(details.progress));
        for (let step = 0; details.progress && step < number; step += 1) details.progress([step]);
        return number;
    };
    await within(callee.register(`${base}.count`, count));
    const seen = [];
    const call = caller.call(`${base}.count`, [5], {}, { receive_progress: true });
    const result = await within(new Promise((resolve, reject) => call.then(resolve, reject, (step) => seen.push(step))));
    // This callee is asked for progress only where the router does not insist on call_canceling beside it.
    steps.equal('progressive results as far as they were asked for', seen, asked[0] ? [0, 1, 2, 3, 4] : []);
    steps.equal('the result of a call with progress', result, 5);
}

async function endedCalls(steps, caller, callee) {
    const called = new Inbox();
    const hang = () => {
        called.put(true);
        return new Promise(() => {});
    };
    await within(callee.register(`${base}.hang`, hang));
    const call = caller.call(`${base}.hang`);
    await called.take();
    // In the other modes the library forgets the call at once and takes the router's answer for a violation.
    call.cancel({ mode: 'kill' });
    await steps.refused('call canceled', call, 'wamp.error.canceled', uriOf);
    const late = caller.call(`${base}.hang`, [], {}, { timeout: 200 });
    await steps.refused('call timeout', late, 'wamp.error.timeout', uriOf);
}

async function events(steps, publisher, subscriber) {
    const inbox = new Inbox();
    const topic = `${base}.sold`;
    const put = (args, kwargs, details) => inbox.put({ args, kwargs, details });
    const subscription = await within(subscriber.subscribe(topic, put));
    steps.equal('SUBSCRIBED: id', subscription.id > 0, true);
    const publication = await within(publisher.publish(topic, [1, null, 'x'], { price: 2.5 }, { acknowledge: true }));
    const { args, kwargs, details } = await inbox.take();
    steps.equal('EVENT: payload', [args, kwargs], [[1, null, 'x'], { price: 2.5 }]);
    steps.equal('EVENT: the publication is that of PUBLISHED', details.publication, publication.id);
    const numbers = [...Array(200).keys()];
    for (const number of numbers) publisher.publish(topic, [number]);
    const received = (await inbox.takeAll(200)).map((event) => event.args[0]);
    // With CBOR the library encodes each message on its own time and does not keep their order.
    const order = serializer === 'cbor' ? received.sort((a, b) => a - b) : received;
    steps.equal('200 events, in order where the library keeps it', order, numbers);
    return [subscription, inbox];
}

async function patterns(steps, publisher, subscriber) {
    const cases = [
        ['exact', 'shop.a.open', ['shop.a.open']],
        ['prefix', 'shop.a', ['shop.a.open', 'shop.a.shut']],
        ['wildcard', 'shop..open', ['shop.a.open', 'shop.b.open']],
    ];
    const inboxes = new Map();
    for (const [match, topic] of cases) {
        const inbox = new Inbox();
        inboxes.set(match, inbox);
        const put = (args, _, { topic: told }) => inbox.put([args[0], told]);
        await within(subscriber.subscribe(`${base}.${topic}`, put, { match }));
    }
    for (const topic of ['shop.a.open', 'shop.a.shut', 'shop.b.open', 'shop.a.open']) {
        await within(publisher.publish(`${base}.${topic}`, [topic], {}, { acknowledge: true }));
    }
    for (const [match, , expected] of cases) {
        const received = await inboxes.get(match).takeAll(expected.length);
        steps.equal(`${match}: what matches, and EVENT.topic`, received, expected.map((topic) => [topic, `${base}.${topic}`]));
    }
}

async function exclusion(steps, first, second) {
    const topic = `${base}.talk`;
    const [mine, theirs] = [new Inbox(), new Inbox()];
    await within(first.subscribe(topic, ([text]) => mine.put(text)));
    await within(second.subscribe(topic, ([text]) => theirs.put(text)));
    for (const [text, options] of [
        ['default', {}],
        ['me too', { exclude_me: false }],
        ['excluded', { exclude: [second.id], exclude_me: false }],
        ['eligible', { eligible: [second.id], exclude_me: false }],
        ['no such role', { eligible_authrole: ['nobody'], exclude_me: false }],
        ['end', { exclude_me: false }],
    ]) {
        await within(first.publish(topic, [text], {}, { acknowledge: true, ...options }));
    }
    const [here, there] = [await mine.takeAll(3), await theirs.takeAll(4)];
    steps.equal('exclude_me, exclude, eligible: the publisher', here, ['me too', 'excluded', 'end']);
    steps.equal('exclude_me, exclude, eligible: the other', there, ['default', 'me too', 'eligible', 'end']);
}

async function sharing(steps, caller, callees) {
    for (const [number, callee] of callees.entries()) {
        await within(callee.register(`${base}.shared`, () => number, { invoke: 'roundrobin' }));
    }
    const answers = [];
    for (let call = 0; call < 6; call += 1) answers.push(await within(caller.call(`${base}.shared`)));
    steps.equal('roundrobin takes turns', answers, [0, 1, 0, 1, 0, 1].map((turn) => answers[turn]));
    steps.equal('roundrobin reaches both', answers.slice(0, 2).sort(), [0, 1]);
    await within(callees[0].register(`${base}.any`, (_, __, { procedure }) => procedure, { match: 'prefix' }));
    const told = await within(caller.call(`${base}.any.one`));
    steps.equal('prefix registration: INVOCATION.procedure', told, `${base}.any.one`);
    steps.equal('wamp.session.count', (await within(caller.call('wamp.session.count'))) >= 2, true);
}

async function undone(steps, first, second, registration, subscription, inbox) {
    await within(second.unregister(registration));
    await steps.refused('unregistered', first.call(`${base}.echo`), 'wamp.error.no_such_procedure', uriOf);
    await within(second.unsubscribe(subscription));
    const other = new Inbox();
    await within(second.subscribe(`${base}.sold`, ([text]) => other.put(text), { match: 'prefix' }));
    for (const text of ['after', 'end']) {
        await within(first.publish(`${base}.sold`, [text], {}, { acknowledge: true }));
    }
    steps.equal('another subscription goes on', await other.takeAll(2), ['after', 'end']);
    steps.equal('unsubscribed', inbox.items, []);
}

async function quiet(steps, first, second) {
    await within(second.register(`${base}.alive`, () => 'alive'));
    await pause(1300);
    steps.equal('alive after two intervals of PING', await within(first.call(`${base}.alive`)), 'alive');
}

async function tickets(steps) {
    const as = (authid, ticket) => connect({ authid, authmethods: ['ticket'], onchallenge: () => ticket });
    const { session, details, leave } = await as('alice', 'alice-ticket');
    const named = [details.authid, details.authrole, details.authmethod];
    steps.equal('ticket: WELCOME', named, ['alice', 'clerk', 'ticket']);
    const forbidden = session.register(`${base}.x`, () => 0);
    await steps.refused("ticket: a role's rights", forbidden, 'wamp.error.not_authorized', uriOf);
    await leave();
    const denied = 'wamp.error.authentication_denied';
    await steps.refused('ticket: a wrong ticket is refused', as('alice', 'wrong'), denied, uriOf);
    await steps.refused('ticket: an unknown user is refused', as('mallory', 'alice-ticket'), denied, uriOf);
    const nowhere = connect({ realm: 'no.such.realm' });
    await steps.refused('an unknown realm is refused', nowhere, 'wamp.error.no_such_realm', uriOf);
}

async function leaving(steps, first, second) {
    const oldId = second.session.id;
    steps.equal('clean leave: GOODBYE is answered', await second.leave(), 'wamp.close.goodbye_and_out');
    const gone = first.session.call(`${base}.alive`);
    await steps.refused('its procedures are gone', gone, 'wamp.error.no_such_procedure', uriOf);
    const again = await connect();
    steps.equal('reconnected with another id', again.session.id !== oldId, true);
    await within(again.session.register(`${base}.alive`, () => 'again'));
    steps.equal('registered again', await within(first.session.call(`${base}.alive`)), 'again');
    const reasons = [await again.leave(), await first.leave()];
    steps.equal('clean leave of both', reasons, ['wamp.close.goodbye_and_out', 'wamp.close.goodbye_and_out']);
}

await new Steps().run(async (steps) => {
    const [first, second] = [await connect(), await connect()];
    const sessions = [first.session, second.session];
    welcome(steps, first.session, first.details);
    const registration = await payloads(steps, ...sessions);
    await errors(steps, ...sessions);
    await progress(steps, ...sessions);
    await endedCalls(steps, ...sessions);
    const [subscription, inbox] = await events(steps, ...sessions);
    await patterns(steps, ...sessions);
    await exclusion(steps, ...sessions);
    await sharing(steps, first.session, sessions);
    await undone(steps, ...sessions, registration, subscription, inbox);
    await quiet(steps, ...sessions);
    await tickets(steps);
    await leaving(steps, first, second);
});
