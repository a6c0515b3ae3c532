// The extras of the Advanced Profile as wampy.js sees them: node wampy_advanced.mjs URL json|msgpack|cbor
//
// As wampy.mjs, which has the rest. The library cannot ask for an event to be retained: a testament does it here. It has
// progressive invocations and does not announce them, which the specification forbids: the sessions here announce them.

import { Inbox, Steps, within } from './steps.mjs';
import { connect, serializer, uriOf, url } from './wampy_peer.mjs';

const base = `com.example.interop.advanced.wampy.${url.split(':')[0]}.${serializer}`;
const kept = `com.example.kept.wampy.${url.split(':')[0]}.${serializer}`;
// With the binary serializers the library gives large integers as BigInt.
const plain = (value) =>
    typeof value === 'bigint' ? Number(value)
    : Array.isArray(value) ? value.map(plain)
    : value && typeof value === 'object' ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
    : value;
const idOf = (session) => Number(session.getSessionId());

async function call(session, procedure, argsList = [], argsDict = undefined, options = undefined) {
    const payload = argsDict ? { argsList, argsDict } : { argsList };
    const { argsList: results } = await within(session.call(procedure, payload, options));
    return plain(results ?? []);
}

function announceProgress({ _wamp_features: { roles } }) {
    roles.caller.features.progressive_call_invocations = true;
    Object.assign(roles.callee.features, {
        progressive_call_invocations: true,
        progressive_call_results: true,
        call_canceling: true,
    });
}

async function policies(steps, caller, callees) {
    for (const [invoke, answers] of [['first', [0, 0, 1]], ['last', [1, 1, 0]]]) {
        const procedure = `${base}.${invoke}`;
        for (const [number, callee] of callees.entries()) {
            await within(callee.register(procedure, () => ({ argsList: [number] }), { invoke }));
        }
        const got = [];
        for (let number = 0; number < 2; number += 1) got.push((await call(caller, procedure))[0]);
        await within(callees[answers[0]].unregister(procedure));
        got.push((await call(caller, procedure))[0]);
        steps.equal(`invoke ${invoke}, and who is left when that one leaves`, got, answers);
    }
    for (const [number, callee] of callees.entries()) {
        await within(callee.register(`${base}.random`, () => ({ argsList: [number] }), { invoke: 'random' }));
    }
    const got = new Set();
    for (let number = 0; number < 64; number += 1) got.add((await call(caller, `${base}.random`))[0]);
    steps.equal('invoke random reaches both', [...got].sort(), [0, 1]);
}

async function progressiveCalls(steps, caller, callee) {
    let sum = 0;
    await within(
        callee.register(`${base}.sum`, ({ details, argsList: [number] }) => {
            sum += plain(number);
            return { argsList: [sum], options: details.progress ? { progress: true } : {} };
        }),
    );
    const seen = new Inbox();
    const progress_callback = ({ argsList }) => seen.put(plain(argsList[0]));
    const { result, sendData } = caller.progressiveCall(`${base}.sum`, [1], { progress_callback });
    const steps_seen = [await seen.take()];
    for (const number of [2, 3]) {
        sendData([number]);
        steps_seen.push(await seen.take());
    }
    steps.equal('each part of a call reaches the same invocation', steps_seen, [1, 3, 6]);
    sendData([4], { progress: false });
    steps.equal('the last part ends the call', plain((await within(result)).argsList), [10]);
}

async function passthru(steps, first, second) {
    const options = { ppt_scheme: 'x_example', ppt_serializer: 'json', ppt_keyid: 'key-1' };
    const payload = { argsList: [1, 'two'], argsDict: { three: [3, null] } };
    const inbox = new Inbox();
    await within(second.subscribe(`${base}.opaque`, inbox.put));
    await within(first.publish(`${base}.opaque`, payload, options));
    const { details, argsList, argsDict } = await inbox.take();
    steps.equal('EVENT: an opaque payload', { argsList, argsDict }, payload);
    const keys = Object.fromEntries(Object.keys(options).map((key) => [key, details[key]]));
    steps.equal('EVENT: the keys that describe it', keys, options);

    const answer = ({ argsList: list, argsDict: dict }) => ({ argsList: list, argsDict: dict, options });
    await within(second.register(`${base}.opaque_echo`, answer));
    const result = await within(first.call(`${base}.opaque_echo`, payload, options));
    steps.equal('INVOCATION and RESULT: an opaque payload', [result.argsList, result.argsDict], [[1, 'two'], { three: [3, null] }]);
    steps.equal('RESULT: the keys that describe it', result.details.ppt_keyid, 'key-1');
}

async function testaments(steps, subscriber) {
    const inbox = new Inbox();
    const topic = `${base}.will`;
    await within(subscriber.subscribe(topic, ({ argsList, argsDict }) => inbox.put([argsList[0], argsDict?.of])));
    const owner = async (...words) => {
        const [session] = await connect();
        for (const [word, scope, publish_options] of words) {
            const argsDict = publish_options ? { scope, publish_options } : { scope };
            await call(session, 'wamp.session.add_testament', [topic, [word], { of: scope }], argsDict);
        }
        return session;
    };
    const lost = await owner(['last', 'destroyed'], ['first', 'detached']);
    lost._ws.terminate();
    const words = await inbox.takeAll(2);
    steps.equal('testaments of a lost session, in order', words, [['first', 'detached'], ['last', 'destroyed']]);
    const changed = await owner(['flushed', 'destroyed'], ['kept', 'detached', { retain: true }]);
    await call(changed, 'wamp.session.flush_testaments', [], { scope: 'destroyed' });
    await within(changed.disconnect());
    const next = await owner(['end', 'destroyed']);
    await within(next.disconnect());
    steps.equal('flushed ones are gone', await inbox.takeAll(2), [['kept', 'detached'], ['end', 'destroyed']]);
    const bad = call(subscriber, 'wamp.session.add_testament', [topic, [], {}], { scope: 'nonsense' });
    await steps.refused('a scope that does not exist', bad, 'wamp.error.invalid_argument', uriOf);
    return topic;
}

async function retained(steps, topic, publisher, subscriber) {
    const inbox = new Inbox();
    await within(subscriber.subscribe(topic, inbox.put, { get_retained: true }));
    const replayed = await inbox.take();
    steps.equal('a retained event is there for who comes later', [replayed.argsList, replayed.details.retained], [['kept'], true]);
    await within(publisher.publish(topic, ['live']));
    const live = await inbox.take();
    steps.equal('a live event is not marked', [live.argsList, Boolean(live.details.retained)], [['live'], false]);
}

async function sessionMeta(steps, watcher) {
    const [joins, leaves] = [new Inbox(), new Inbox()];
    await within(watcher.subscribe('wamp.session.on_join', ({ argsList }) => joins.put(plain(argsList[0]))));
    await within(watcher.subscribe('wamp.session.on_leave', ({ argsList }) => leaves.put(plain(argsList))));
    const [session, welcome] = await connect();
    const id = idOf(session);
    // Rows beside this one come and go too.
    const about = async (inbox, idOfEvent) => {
        let event;
        do event = await inbox.take();
        while (idOfEvent(event) !== id);
        return event;
    };
    const joined = await about(joins, (details) => details.session);
    steps.equal('on_join', [joined.authid, joined.authrole], [welcome.authid, 'anonymous']);
    steps.equal('count of a role', (await call(watcher, 'wamp.session.count', [['anonymous']]))[0] >= 2, true);
    steps.equal('list of a role', (await call(watcher, 'wamp.session.list', [['anonymous']]))[0].includes(id), true);
    const [details] = await call(watcher, 'wamp.session.get', [id]);
    steps.equal('get: as in on_join', [details.session, details.authid], [id, welcome.authid]);
    await call(watcher, 'wamp.session.kill', [id], { reason: 'com.example.bye', message: 'enough' });
    steps.equal('on_leave', await about(leaves, ([gone]) => gone), [id, welcome.authid, 'anonymous']);
    const again = call(watcher, 'wamp.session.kill', [id]);
    await steps.refused('kill of a session that is gone', again, 'wamp.error.no_such_session', uriOf);
}

/** The next meta events of one kind that are about `id`: the word, the session, the details where there are some. */
async function changes(watcher, kind, words) {
    const inbox = new Inbox();
    for (const word of words) {
        const put = ({ argsList: [session, about] }) => inbox.put([word, plain(session), plain(about)]);
        await within(watcher.subscribe(`wamp.${kind}.${word}`, put));
    }
    return async (id, count) => {
        const found = [];
        while (found.length < count) {
            const event = await inbox.take();
            if ((event[2]?.id ?? event[2]) === id) found.push(event);
        }
        return found;
    };
}

async function registrationMeta(steps, watcher, callee) {
    const next = await changes(watcher, 'registration', ['on_create', 'on_register', 'on_unregister', 'on_delete']);
    const procedure = `${base}.meta`;
    const options = { match: 'prefix', invoke: 'roundrobin' };
    const registered = await within(callee.register(procedure, () => ({ argsList: [1] }), options));
    const [id, holder] = [Number(registered.registrationId), idOf(callee)];
    const ask = (name, ...args) => call(watcher, `wamp.registration.${name}`, args);
    const made = await next(id, 2);
    const words = (events) => events.map(([word, session]) => [word, session]);
    steps.equal('on_create, on_register', words(made), [['on_create', holder], ['on_register', holder]]);
    const { created, ...details } = made[0][2];
    steps.equal('RegistrationDetails', details, { id, uri: procedure, match: 'prefix', invoke: 'roundrobin' });
    steps.equal('RegistrationDetails: created', typeof created, 'string');
    const [lists] = await ask('list');
    steps.equal('registration.list', ['exact', 'prefix', 'wildcard'].map((match) => lists[match].includes(id)), [false, true, false]);
    steps.equal('registration.lookup', await ask('lookup', procedure, { match: 'prefix' }), [id]);
    steps.equal('registration.lookup of another policy', await ask('lookup', procedure), [null]);
    steps.equal('registration.match', await ask('match', `${procedure}.any`), [id]);
    steps.equal('registration.get', (await ask('get', id))[0].uri, procedure);
    steps.equal('registration.list_callees', await ask('list_callees', id), [[holder]]);
    steps.equal('registration.count_callees', await ask('count_callees', id), [1]);
    await ask('remove_callee', id, holder, 'com.example.revoked');
    steps.equal('revoked: on_unregister, on_delete', words(await next(id, 2)), [['on_unregister', holder], ['on_delete', holder]]);
    await steps.refused('registration.get of what is gone', ask('get', id), 'wamp.error.no_such_registration', uriOf);
    await steps.refused('a revoked procedure', call(watcher, `${procedure}.any`), 'wamp.error.no_such_procedure', uriOf);
}

async function subscriptionMeta(steps, watcher, subscriber) {
    const next = await changes(watcher, 'subscription', ['on_create', 'on_subscribe', 'on_unsubscribe', 'on_delete']);
    const topic = `${base}.meta..topic`;
    const subscribed = await within(subscriber.subscribe(topic, () => {}, { match: 'wildcard' }));
    const [id, holder] = [Number(subscribed.subscriptionId), idOf(subscriber)];
    const ask = (name, ...args) => call(watcher, `wamp.subscription.${name}`, args);
    const made = await next(id, 2);
    const words = (events) => events.map(([word, session]) => [word, session]);
    steps.equal('on_create, on_subscribe', words(made), [['on_create', holder], ['on_subscribe', holder]]);
    const { created, ...details } = made[0][2];
    steps.equal('SubscriptionDetails', details, { id, uri: topic, match: 'wildcard' });
    steps.equal('SubscriptionDetails: created', typeof created, 'string');
    const [lists] = await ask('list');
    steps.equal('subscription.list', ['exact', 'prefix', 'wildcard'].map((match) => lists[match].includes(id)), [false, false, true]);
    steps.equal('subscription.lookup', await ask('lookup', topic, { match: 'wildcard' }), [id]);
    steps.equal('subscription.match', await ask('match', `${base}.meta.any.topic`), [[id]]);
    steps.equal('subscription.get', (await ask('get', id))[0].uri, topic);
    steps.equal('subscription.list_subscribers', await ask('list_subscribers', id), [[holder]]);
    steps.equal('subscription.count_subscribers', await ask('count_subscribers', id), [1]);
    await ask('remove_subscriber', id, holder, 'com.example.revoked');
    steps.equal('revoked: on_unsubscribe, on_delete', words(await next(id, 2)), [['on_unsubscribe', holder], ['on_delete', holder]]);
    await steps.refused('subscription.get of what is gone', ask('get', id), 'wamp.error.no_such_subscription', uriOf);
}

async function history(steps, publisher) {
    const [id] = await call(publisher, 'wamp.subscription.lookup', ['com.example.kept.', { match: 'prefix' }]);
    steps.equal('what keeps its events is there before anybody subscribes', typeof id, 'number');
    const ids = [];
    for (let number = 0; number < 6; number += 1) {
        const payload = { argsList: [number], argsDict: { text: String(number) } };
        ids.push(Number((await within(publisher.publish(kept, payload))).publicationId));
    }
    const events = (filters = {}) => call(publisher, 'wamp.subscription.get_events', [id], { topic: kept, ...filters });
    const numbers = async (filters) => (await events(filters)).map(({ args }) => args[0]);
    const all = await events();
    steps.equal('history: publications in order', all.map(({ publication }) => publication), ids);
    steps.equal('history: an event of it', [all[1].args, all[1].kwargs, all[1].subscription], [[1], { text: '1' }, id]);
    steps.equal('history: reverse, limit', await numbers({ limit: 2, reverse: true }), [5, 4]);
    steps.equal('history: after_publication', await numbers({ after_publication: ids[3] }), [4, 5]);
    steps.equal('history: from_time', await numbers({ from_time: all[0].timestamp }), [0, 1, 2, 3, 4, 5]);
    await steps.refused('history: a bad filter', numbers({ limit: 'many' }), 'wamp.error.invalid_argument', uriOf);
}

await new Steps().run(async (steps) => {
    const [first] = await connect({}, announceProgress);
    const [second] = await connect({}, announceProgress);
    await policies(steps, first, [first, second]);
    await progressiveCalls(steps, first, second);
    await passthru(steps, first, second);
    const topic = await testaments(steps, first);
    await retained(steps, topic, first, second);
    await sessionMeta(steps, first);
    await registrationMeta(steps, first, second);
    await subscriptionMeta(steps, first, second);
    await history(steps, first);
    await within(second.disconnect());
    await within(first.disconnect());
    steps.equal('clean leave of both', [first.getSessionId(), second.getSessionId()], [undefined, undefined]);
});
