// Wharf as wampy.js sees it: node wampy.mjs URL json|msgpack|cbor
//
// Each step ends with a comparison; the exit status is 0 when every step held. The router runs with wharf.toml of this
// folder. What must not come is awaited by what must come after it. The extras of the Advanced Profile are in
// wampy_advanced.mjs.

import { Inbox, Steps, pause, within } from './steps.mjs';
import { connect, serializer, uriOf, url } from './wampy_peer.mjs';

const base = `com.example.interop.wampy.${url.split(':')[0]}.${serializer}`;

function welcome(steps, session, details) {
    const id = Number(session.getSessionId());
    steps.equal('WELCOME: the session id is in its range', Number.isSafeInteger(id) && id >= 1, true);
    steps.equal('WELCOME: who we are', [details.authrole, details.authmethod], ['anonymous', 'anonymous']);
    const { broker, dealer } = details.roles;
    for (const feature of ['pattern_based_subscription', 'publisher_exclusion', 'subscriber_blackwhite_listing']) {
        steps.equal(`WELCOME: broker has ${feature}`, broker.features[feature], true);
    }
    for (const feature of ['progressive_call_results', 'call_canceling', 'call_timeout', 'shared_registration']) {
        steps.equal(`WELCOME: dealer has ${feature}`, dealer.features[feature], true);
    }
}

async function payloads(steps, caller, callee) {
    const procedure = `${base}.echo`;
    const registered = await within(
        callee.register(procedure, ({ argsList, argsDict }) => ({ argsList: argsList ?? [], argsDict: argsDict ?? {} })),
    );
    steps.equal('REGISTERED: id', registered.registrationId > 0, true);
    const echo = async (argsList, argsDict = {}) => within(caller.call(procedure, { argsList, argsDict }));
    const integers = [0, -1, 255, 256, -(2 ** 31), 2 ** 53 - 1];
    steps.equal('positional integers', (await echo(integers)).argsList.map(Number), integers);
    const texts = ['', 'é\u4e2d\u{1f600}', 'quo"te\\', '\x18\x1e\n'];
    steps.equal('positional texts', (await echo(texts)).argsList, texts);
    const keywords = { first: 1, second: { deep: [true, null, { x: [] }] } };
    steps.equal('keyword values', (await echo([], keywords)).argsDict, keywords);
    steps.equal('floats', (await echo([1.5, -0.1, 1e300])).argsList, [1.5, -0.1, 1e300]);
    steps.equal('null', (await echo([null, [null, false]])).argsList, [null, [null, false]]);
    if (serializer === 'json') {
        // The library knows no binary in JSON: the text that stands for it comes through as it is.
        steps.equal('binary in JSON, as text', (await echo(['\0AP+A'])).argsList, ['\0AP+A']);
    } else {
        const octets = Buffer.from([0, 255, 128, 66]);
        steps.equal('binary', Buffer.from((await echo([octets])).argsList[0]), octets);
    }
    const large = [...Array(60_000).keys()].join(' ');
    steps.equal('a payload of 350,000 octets', (await echo([large])).argsList[0] === large, true);
    const many = await Promise.all([...Array(100).keys()].map((number) => echo([number])));
    steps.equal('100 calls at a time', many.map(({ argsList }) => argsList[0]), [...Array(100).keys()]);
}

async function errors(steps, caller, callee) {
    await within(
        callee.register(`${base}.fail`, () => {
            throw { error: 'com.example.error.failed', argsList: [7], argsDict: { cause: 'test' } };
        }),
    );
    const error = await steps.refused('application error', caller.call(`${base}.fail`), 'com.example.error.failed', uriOf);
    steps.equal('application error: arguments', [error.argsList, error.argsDict], [[7], { cause: 'test' }]);
    await steps.refused('no_such_procedure', caller.call(`${base}.none`), 'wamp.error.no_such_procedure', uriOf);
    const again = caller.register(`${base}.fail`, () => null);
    await steps.refused('procedure_already_exists', again, 'wamp.error.procedure_already_exists', uriOf);
}

async function progress(steps, caller, callee) {
    // The library yields progress without having announced that it can: tolerated, since the caller asks for it.
    await within(
        callee.register(`${base}.count`, ({ result_handler }) => {
            for (let number = 0; number < 5; number += 1) {
                result_handler({ argsList: [number], options: { progress: true } });
            }
            return { argsList: [5] };
        }),
    );
    const seen = [];
    const progress_callback = ({ argsList }) => seen.push(argsList[0]);
    const result = await within(caller.call(`${base}.count`, [1], { progress_callback }));
    steps.equal('progressive results, in order, then the result', [...seen, result.argsList[0]], [0, 1, 2, 3, 4, 5]);
    const plain = await within(caller.call(`${base}.count`));
    steps.equal('not asked for: the result alone', plain.argsList, [5]);
}

async function endedCalls(steps, caller, callee) {
    const called = new Inbox();
    await within(
        callee.register(`${base}.hang`, () => {
            called.put(true);
            return new Promise(() => {});
        }),
    );
    for (const mode of ['skip', 'kill', 'killnowait', undefined]) {
        const call = caller.call(`${base}.hang`);
        const { reqId } = caller.getOpStatus();
        await called.take();
        caller.cancel(reqId, mode ? { mode } : undefined);
        await steps.refused(`call canceled, mode ${mode ?? 'by default'}`, call, 'wamp.error.canceled', uriOf);
    }
    const call = caller.call(`${base}.hang`, [], { timeout: 200 });
    await steps.refused('call timeout', call, 'wamp.error.timeout', uriOf);
}

async function events(steps, publisher, subscriber) {
    const inbox = new Inbox();
    const topic = `${base}.sold`;
    const subscribed = await within(subscriber.subscribe(topic, inbox.put));
    steps.equal('SUBSCRIBED: id', subscribed.subscriptionId > 0, true);
    const payload = { argsList: [1, null, 'x'], argsDict: { price: 2.5 } };
    const published = await within(publisher.publish(topic, payload));
    steps.equal('PUBLISHED: id', published.publicationId > 0, true);
    const event = await inbox.take();
    steps.equal('EVENT: payload', { argsList: event.argsList, argsDict: event.argsDict }, payload);
    await Promise.all([...Array(200).keys()].map((number) => publisher.publish(topic, [number])));
    const received = (await inbox.takeAll(200)).map(({ argsList }) => argsList[0]);
    steps.equal('200 events in order', received, [...Array(200).keys()]);
    return [subscribed, inbox];
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
        await within(subscriber.subscribe(`${base}.${topic}`, inbox.put, { match }));
    }
    for (const topic of ['shop.a.open', 'shop.a.shut', 'shop.b.open', 'shop.a.open']) {
        await within(publisher.publish(`${base}.${topic}`, [topic]));
    }
    for (const [match, , expected] of cases) {
        const received = await inboxes.get(match).takeAll(expected.length);
        steps.equal(`${match}: what matches, and nothing else`, received.map(({ argsList }) => argsList[0]), expected);
        if (match !== 'exact') {
            const topics = received.map(({ details }) => details.topic);
            steps.equal(`${match}: EVENT.topic`, topics, expected.map((topic) => `${base}.${topic}`));
        }
    }
}

async function exclusion(steps, first, second) {
    const topic = `${base}.talk`;
    const [mine, theirs] = [new Inbox(), new Inbox()];
    await within(first.subscribe(topic, mine.put));
    await within(second.subscribe(topic, theirs.put));
    const other = Number(second.getSessionId());
    // The library cannot say `exclude_me: false`: the last word is the other's.
    for (const [text, options] of [
        ['default', {}],
        ['excluded', { exclude: other }],
        ['eligible', { eligible: [other] }],
        ['no such role', { eligible_authrole: 'nobody' }],
        ['end', {}],
    ]) {
        await within(first.publish(topic, [text], options));
    }
    await within(second.publish(topic, ['from the other']));
    const words = async (inbox, count) => (await inbox.takeAll(count)).map(({ argsList }) => argsList[0]);
    steps.equal('exclude, eligible: the other', await words(theirs, 3), ['default', 'eligible', 'end']);
    steps.equal('a publisher does not hear itself', await words(mine, 1), ['from the other']);
}

async function sharing(steps, caller, callees) {
    for (const [number, callee] of callees.entries()) {
        await within(callee.register(`${base}.shared`, () => ({ argsList: [number] }), { invoke: 'roundrobin' }));
    }
    const answers = [];
    for (let call = 0; call < 6; call += 1) answers.push((await within(caller.call(`${base}.shared`))).argsList[0]);
    steps.equal('roundrobin takes turns', answers, [0, 1, 0, 1, 0, 1].map((turn) => answers[turn]));
    steps.equal('roundrobin reaches both', answers.slice(0, 2).sort(), [0, 1]);
    await within(
        callees[0].register(`${base}.any`, ({ details }) => ({ argsList: [details.procedure] }), { match: 'prefix' }),
    );
    const told = await within(caller.call(`${base}.any.one`));
    steps.equal('prefix registration: INVOCATION.procedure', told.argsList, [`${base}.any.one`]);
    const count = await within(caller.call('wamp.session.count'));
    steps.equal('wamp.session.count', count.argsList[0] >= 2, true);
}

async function undone(steps, first, second, subscribed, inbox) {
    await within(second.unregister(`${base}.echo`));
    await steps.refused('unregistered', first.call(`${base}.echo`), 'wamp.error.no_such_procedure', uriOf);
    await within(second.unsubscribe(subscribed.subscriptionKey));
    const other = new Inbox();
    await within(second.subscribe(`${base}.sold`, other.put, { match: 'prefix' }));
    for (const text of ['after', 'end']) await within(first.publish(`${base}.sold`, [text]));
    const heard = (await other.takeAll(2)).map(({ argsList }) => argsList[0]);
    steps.equal('another subscription goes on', heard, ['after', 'end']);
    steps.equal('unsubscribed', inbox.items, []);
}

async function quiet(steps, first, second) {
    await within(second.register(`${base}.alive`, () => ({ argsList: ['alive'] })));
    await pause(1300);
    const answer = await within(first.call(`${base}.alive`));
    steps.equal('alive after two intervals of PING', answer.argsList, ['alive']);
}

async function tickets(steps) {
    const as = (authid, ticket) =>
        connect({ authid, authmethods: ['ticket'], authMode: 'manual', onChallenge: () => ticket });
    const [alice, details] = await as('alice', 'alice-ticket');
    const named = [details.authid, details.authrole, details.authmethod];
    steps.equal('ticket: WELCOME', named, ['alice', 'clerk', 'ticket']);
    await steps.refused("ticket: a role's rights", alice.register(`${base}.x`, () => null), 'wamp.error.not_authorized', uriOf);
    await within(alice.disconnect());
    const denied = 'wamp.error.authentication_denied';
    await steps.refused('ticket: a wrong ticket is refused', as('alice', 'wrong'), denied, uriOf);
    await steps.refused('ticket: an unknown user is refused', as('mallory', 'alice-ticket'), denied, uriOf);
    const nowhere = connect({ realm: 'no.such.realm' });
    await steps.refused('an unknown realm is refused', nowhere, 'wamp.error.no_such_realm', uriOf);
}

async function leaving(steps, first, second) {
    const oldId = second.getSessionId();
    await within(second.disconnect());
    steps.equal('clean leave', second.getSessionId(), undefined);
    await steps.refused('its procedures are gone', first.call(`${base}.alive`), 'wamp.error.no_such_procedure', uriOf);
    await within(second.connect());
    steps.equal('reconnected with another id', second.getSessionId() !== oldId, true);
    await within(second.register(`${base}.alive`, () => ({ argsList: ['again'] })));
    steps.equal('registered again', (await within(first.call(`${base}.alive`))).argsList, ['again']);
    await within(second.disconnect());
    await within(first.disconnect());
    steps.equal('clean leave of both', [first.getSessionId(), second.getSessionId()], [undefined, undefined]);
}

await new Steps().run(async (steps) => {
    const [first, details] = await connect();
    const [second] = await connect();
    welcome(steps, first, details);
    await payloads(steps, first, second);
    await errors(steps, first, second);
    await progress(steps, first, second);
    await endedCalls(steps, first, second);
    const [subscribed, inbox] = await events(steps, first, second);
    await patterns(steps, first, second);
    await exclusion(steps, first, second);
    await sharing(steps, first, [first, second]);
    await undone(steps, first, second, subscribed, inbox);
    await quiet(steps, first, second);
    await tickets(steps);
    await leaving(steps, first, second);
});
