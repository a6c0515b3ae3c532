// The extras of the Advanced Profile as autobahn-js sees them: node autobahn_js_advanced.mjs URL json|msgpack|cbor
//
// As autobahn_js.mjs, which has the rest. What the library does not announce (progressive invocations, payload passthru,
// re-routing) is not here.

import autobahn from 'autobahn';
import { connect, serializer, transport, uriOf } from './autobahn_js_peer.mjs';
import { Inbox, Steps, within } from './steps.mjs';

const row = `autobahn_js.${transport}.${serializer}`;
const base = `com.example.interop.advanced.${row}`;
const kept = `com.example.kept.${row}`;
const ACKNOWLEDGE = { acknowledge: true };
// A lone result comes bare, several come as a Result.
const results = (answer) => (answer instanceof autobahn.Result ? answer.args : [answer]);

async function policies(steps, caller, callees) {
    for (const [invoke, answers] of [['first', [0, 0, 1]], ['last', [1, 1, 0]]]) {
        const procedure = `${base}.${invoke}`;
        const held = [];
        for (const [number, callee] of callees.entries()) {
            held.push(await within(callee.register(procedure, () => number, { invoke })));
        }
        const got = [await within(caller.call(procedure)), await within(caller.call(procedure))];
        await within(callees[answers[0]].unregister(held[answers[0]]));
        got.push(await within(caller.call(procedure)));
        steps.equal(`invoke ${invoke}, and who is left when that one leaves`, got, answers);
    }
}

async function concurrency(steps, caller, callee) {
    const [began, ends] = [new Inbox(), []];
    const slow = ([number]) => {
        began.put(number);
        return new Promise((resolve) => ends.push(() => resolve(number * 10)));
    };
    await within(callee.register(`${base}.slow`, slow, { invoke: 'roundrobin', concurrency: 1 }));
    await within(callee.register(`${base}.free`, () => 'free'));
    const calls = [caller.call(`${base}.slow`, [0]), caller.call(`${base}.slow`, [1])];
    steps.equal('concurrency 1: one call is served', [0, 1].includes(await began.take()), true);
    steps.equal('others are called meanwhile', await within(caller.call(`${base}.free`)), 'free');
    steps.equal('the second waits', began.items, []);
    ends[0]();
    await began.take();
    ends[1]();
    steps.equal('each has its own answer', [await within(calls[0]), await within(calls[1])], [0, 10]);
}

async function revocations(steps, caller, callees) {
    const procedure = `${base}.forced`;
    const former = await within(callees[0].register(procedure, () => 0, { force_reregister: true }));
    await within(callees[1].register(procedure, () => 1, { force_reregister: true }));
    await within(former.on_unregister);
    steps.equal('force_reregister: the former callee is told', former.active, false);
    steps.equal('the new one is called', await within(caller.call(procedure)), 1);

    const held = await within(callees[1].register(`${base}.revoked`, () => 1));
    const removed = [held.id, callees[1].id, 'com.example.revoked'];
    await within(caller.call('wamp.registration.remove_callee', removed));
    steps.equal('remove_callee: the reason arrives', await within(held.on_unregister), 'com.example.revoked');
    await steps.refused('its procedure is gone', caller.call(`${base}.revoked`), 'wamp.error.no_such_procedure', uriOf);

    const inbox = new Inbox();
    const subscription = await within(callees[1].subscribe(`${base}.news`, ([text]) => inbox.put(text)));
    await within(caller.publish(`${base}.news`, ['before'], {}, ACKNOWLEDGE));
    steps.equal('an event before the revocation', await inbox.take(), 'before');
    const revoked = [subscription.id, callees[1].id, 'com.example.revoked'];
    await within(caller.call('wamp.subscription.remove_subscriber', revoked));
    const reason = await within(subscription.on_unsubscribe);
    steps.equal('remove_subscriber: the reason arrives', reason, 'com.example.revoked');
    await within(caller.publish(`${base}.news`, ['after'], {}, ACKNOWLEDGE));
    steps.equal('the session goes on', await within(callees[1].call('wamp.session.count')) >= 1, true);
    steps.equal('no event after the revocation', inbox.items, []);
}

async function retained(steps, publisher, subscriber) {
    const inbox = new Inbox();
    const retain = { ...ACKNOWLEDGE, retain: true };
    await within(publisher.publish(`${base}.weather`, ['rain'], {}, retain));
    const newest = await within(publisher.publish(`${base}.weather`, ['snow'], {}, retain));
    const put = ([text], _, details) => inbox.put([text, details.retained, details.publication]);
    await within(subscriber.subscribe(`${base}.weather`, put, { get_retained: true }));
    steps.equal('the retained event: the newest one, marked', await inbox.take(), ['snow', true, newest.id]);
    await within(publisher.publish(`${base}.weather`, ['hail'], {}, ACKNOWLEDGE));
    steps.equal('a live event is not marked', (await inbox.take()).slice(0, 2), ['hail', false]);
}

async function testaments(steps, subscriber) {
    const inbox = new Inbox();
    await within(subscriber.subscribe(`${base}.will`, ([text], { of }) => inbox.put([text, of])));
    const owner = await connect();
    for (const [text, scope] of [['last', 'destroyed'], ['flushed', 'detached']]) {
        const will = [`${base}.will`, [text], { of: scope }];
        await within(owner.session.call('wamp.session.add_testament', will, { scope }));
    }
    await within(owner.session.call('wamp.session.flush_testaments', [], { scope: 'detached' }));
    const end = [`${base}.will`, ['first'], { of: 'detached' }];
    await within(owner.session.call('wamp.session.add_testament', end, { scope: 'detached' }));
    await owner.leave();
    steps.equal('testaments, in order', await inbox.takeAll(2), [['first', 'detached'], ['last', 'destroyed']]);
}

async function meta(steps, watcher, other) {
    const call = (name, args) => within(watcher.call(`wamp.${name}`, args));
    const leaves = new Inbox();
    await within(watcher.subscribe('wamp.session.on_leave', ([id]) => leaves.put(id)));
    const guest = await connect();
    const { id } = guest.session;
    steps.equal('session.get', (await call('session.get', [id])).session, id);
    steps.equal('session.list of a role', (await call('session.list', [['anonymous']])).includes(id), true);
    await guest.leave();
    let gone;
    // Rows beside this one come and go too.
    do gone = await leaves.take();
    while (gone !== id);
    steps.equal('on_leave', gone, id);
    await steps.refused('session.get of who is gone', call('session.get', [id]), 'wamp.error.no_such_session', uriOf);

    const procedure = `${base}.meta`;
    const registration = await within(other.register(procedure, () => 1, { match: 'prefix' }));
    steps.equal('registration.match', await call('registration.match', [`${procedure}.any`]), registration.id);
    const { uri, match, invoke } = await call('registration.get', [registration.id]);
    steps.equal('registration.get', [uri, match, invoke], [procedure, 'prefix', 'single']);
    steps.equal('registration.list_callees', await call('registration.list_callees', [registration.id]), [other.id]);
    const subscription = await within(other.subscribe(procedure, () => {}));
    steps.equal('subscription.lookup', await call('subscription.lookup', [procedure]), subscription.id);
    steps.equal('subscription.count_subscribers', await call('subscription.count_subscribers', [subscription.id]), 1);
}

async function history(steps, publisher) {
    const id = await within(publisher.call('wamp.subscription.lookup', ['com.example.kept.', { match: 'prefix' }]));
    const ids = [];
    for (let number = 0; number < 6; number += 1) {
        ids.push((await within(publisher.publish(kept, [number], {}, ACKNOWLEDGE))).id);
    }
    const events = async (filters = {}) =>
        results(await within(publisher.call('wamp.subscription.get_events', [id], { topic: kept, ...filters })));
    const numbers = async (filters) => (await events(filters)).map(({ args }) => args[0]);
    steps.equal('history: publications in order', (await events()).map(({ publication }) => publication), ids);
    steps.equal('history: reverse, limit', await numbers({ limit: 2, reverse: true }), [5, 4]);
    steps.equal('history: after_publication', await numbers({ after_publication: ids[3] }), [4, 5]);
}

await new Steps().run(async (steps) => {
    const [first, second] = [await connect(), await connect()];
    const sessions = [first.session, second.session];
    await policies(steps, first.session, sessions);
    await concurrency(steps, ...sessions);
    await revocations(steps, first.session, sessions);
    await retained(steps, ...sessions);
    await testaments(steps, first.session);
    await meta(steps, ...sessions);
    await history(steps, first.session);
    const reasons = [await second.leave(), await first.leave()];
    steps.equal('clean leave of both', reasons, ['wamp.close.goodbye_and_out', 'wamp.close.goodbye_and_out']);
});
