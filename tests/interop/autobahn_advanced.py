"""The extras of the Advanced Profile as autobahn-python sees them: autobahn_advanced.py asyncio|twisted URL SERIALIZER

As autobahn_python.py, which has the rest. What the library has no words for (progressive invocations, payload passthru,
re-routing) is not here. It ends its connection when a subscription is revoked, so that is not here either.
"""

from autobahn_peer import (
    ACKNOWLEDGE, ROW, Inbox, connect, converse, leave, within,
)
import txaio
from autobahn.wamp.types import CallOptions, PublishOptions, RegisterOptions, SubscribeOptions

BASE = "com.example.interop.advanced." + ROW
KEPT = "com.example.kept." + ROW


def results(result):
    """All positional results, whatever the library makes of none and of one."""
    return [] if result is None else list(getattr(result, "results", [result]))


async def end_of(call):
    try:
        return await within(call)
    # Each framework ends a canceled call with a CancelledError of its own; that of asyncio is no Exception.
    except BaseException as error:
        return type(error).__name__


async def policies(steps, caller, callees):
    for invoke, answers in [("first", [0, 0, 1]), ("last", [1, 1, 0])]:
        procedure = f"{BASE}.{invoke}"
        options = RegisterOptions(invoke=invoke)
        held = [await within(callee.register(lambda n=n: n, procedure, options=options)) for n, callee in enumerate(callees)]
        got = [await within(caller.call(procedure)) for _ in range(2)]
        await within(held[answers[0]].unregister())
        got.append(await within(caller.call(procedure)))
        steps.equal(f"invoke {invoke}, and who is left when that one leaves", got, answers)
    for number, callee in enumerate(callees):
        await within(callee.register(lambda n=number: n, BASE + ".random", options=RegisterOptions(invoke="random")))
    got = {await within(caller.call(BASE + ".random")) for _ in range(64)}
    steps.equal("invoke random reaches both", got, {0, 1})


async def concurrency(steps, caller, callee):
    began, answers = Inbox(), []

    def slow(number):
        answer = txaio.create_future()
        answers.append(answer)
        # Last: with Twisted who waits goes on at once.
        began.put(number)
        return answer

    options = RegisterOptions(invoke="roundrobin", concurrency=1)
    await within(callee.register(slow, BASE + ".slow", options=options))
    await within(callee.register(lambda: "free", BASE + ".free"))
    calls = [caller.call(BASE + ".slow", number) for number in range(3)]
    steps.equal("concurrency 1: the first call is served", await began.take(), 0)
    steps.equal("others are called meanwhile", await within(caller.call(BASE + ".free")), "free")
    steps.equal("the second waits", began.items, [])
    ended = []
    for number in range(3):
        txaio.resolve(answers[number], number * 10)
        ended.append(await within(calls[number]))
        if number < 2:
            steps.equal("the next one is served", await began.take(), number + 1)
    steps.equal("each has its own answer", ended, [0, 10, 20])


async def forced(steps, caller, callees):
    procedure = BASE + ".forced"
    for number, callee in enumerate(callees):
        options = RegisterOptions(force_reregister=True)
        await within(callee.register(lambda n=number: n, procedure, options=options))
    steps.equal("force_reregister: the new one is called", await within(caller.call(procedure)), 1)
    await within(callees[0].register(lambda: "alive", BASE + ".forced_alive"))
    steps.equal("the former callee goes on", await within(caller.call(BASE + ".forced_alive")), "alive")
    taken = callees[0].register(lambda: 0, procedure)
    await steps.refused("without it the procedure is taken", taken, "wamp.error.procedure_already_exists")


async def canceled_progress(steps, caller, callee):
    interrupted, seen = Inbox(), Inbox()

    def count(details=None):
        for number in range(3):
            details.progress(number)
        return txaio.create_future(canceller=lambda _: interrupted.put(True))

    await within(callee.register(count, BASE + ".count", options=RegisterOptions(details_arg="details")))
    call = caller.call(BASE + ".count", options=CallOptions(on_progress=seen.put))
    steps.equal("progressive results of a call that goes on", [await seen.take() for _ in range(3)], [0, 1, 2])
    txaio.cancel(call)
    steps.equal("such a call is canceled", await end_of(call), "CancelledError")
    steps.equal("and its callee interrupted", await interrupted.take(), True)


async def retained(steps, publisher, subscriber):
    topic = BASE + ".weather"
    options = PublishOptions(acknowledge=True, retain=True)
    await within(publisher.publish(topic + ".oslo", "rain", options=options))
    kept = await within(publisher.publish(topic + ".oslo", "snow", temperature=-3, options=options))
    await within(publisher.publish(topic + ".rome", "sun", options=options))
    await within(publisher.publish(topic + ".rome", "not kept", options=ACKNOWLEDGE))

    async def subscribe(uri, match):
        inbox = Inbox()
        wanted = SubscribeOptions(match=match, details=True, get_retained=True)
        await within(subscriber.subscribe(inbox.event, uri, options=wanted))
        return inbox

    exact = await subscribe(topic + ".oslo", "exact")
    args, kwargs, details = await exact.take()
    steps.equal("the retained event: the newest one", (args, kwargs), (["snow"], {"temperature": -3}))
    steps.equal("it is marked, with its publication", (details.retained, details.publication), (True, kept.id))
    below = await subscribe(topic, "prefix")
    events = [await below.take() for _ in range(2)]
    told = sorted((details.topic.removeprefix(topic), args[0], details.retained) for args, _, details in events)
    steps.equal("prefix: one of each topic", told, [(".oslo", "snow", True), (".rome", "sun", True)])
    await within(publisher.publish(topic + ".oslo", "hail", options=ACKNOWLEDGE))
    args, _, details = await exact.take()
    steps.equal("a live event is not marked", (args, bool(details.retained)), (["hail"], False))


async def testaments(steps, subscriber):
    topic = BASE + ".will"
    inbox = Inbox()
    await within(subscriber.subscribe(inbox.event, topic))
    add = "wamp.session.add_testament"

    async def owner(*words):
        session, _ = await connect()
        for word, scope in words:
            await within(session.call(add, topic, [word], {"of": scope}, scope=scope))
        return session

    lost = await owner(("last", "destroyed"), ("first", "detached"))
    lost._transport.abort()
    words = [(args[0], kwargs["of"]) for args, kwargs, _ in [await inbox.take(), await inbox.take()]]
    steps.equal("testaments of a lost session, in order", words, [("first", "detached"), ("last", "destroyed")])
    await leave(await owner(("left", "destroyed")))
    steps.equal("a session that leaves has testaments too", await inbox.payload(), "left")
    changed = await owner(("flushed", "destroyed"), ("kept", "detached"))
    await within(changed.call("wamp.session.flush_testaments", scope="destroyed"))
    await leave(changed)
    await leave(await owner(("end", "destroyed")))
    steps.equal("flushed ones are gone", [await inbox.payload(), await inbox.payload()], ["kept", "end"])
    bad = subscriber.call(add, topic, [], {}, scope="nonsense")
    await steps.refused("a scope that does not exist", bad, "wamp.error.invalid_argument")


async def session_meta(steps, watcher):
    joins, leaves = Inbox(), Inbox()
    await within(watcher.subscribe(joins.event, "wamp.session.on_join"))
    await within(watcher.subscribe(leaves.event, "wamp.session.on_leave"))
    session, details = await connect()

    async def about(inbox, place):
        """The next event about this session: rows beside this one come and go too."""
        while (found := (await inbox.take())[0]) and place(found) != details.session:
            pass
        return found

    told = (await about(joins, lambda args: args[0]["session"]))[0]
    named = {key: told.get(key) for key in ["authid", "authrole", "authmethod"]}
    steps.equal("on_join", named, {"authid": details.authid, "authrole": "anonymous", "authmethod": "anonymous"})
    count = await within(watcher.call("wamp.session.count", ["anonymous"]))
    steps.equal("count of a role", count >= 2, True)
    steps.equal("count of no such role", await within(watcher.call("wamp.session.count", ["nobody"])), 0)
    listed = await within(watcher.call("wamp.session.list", ["anonymous"]))
    steps.equal("list of a role", details.session in listed, True)
    got = await within(watcher.call("wamp.session.get", details.session))
    steps.equal("get: as in on_join", (got["session"], got["authid"]), (details.session, details.authid))
    kill = watcher.call("wamp.session.kill", details.session, reason="com.example.bye", message="enough")
    await within(kill)
    steps.equal("kill: the reason arrives", await session.left.take(), "com.example.bye")
    args = await about(leaves, lambda args: args[0])
    steps.equal("on_leave", list(args), [details.session, details.authid, "anonymous"])
    for procedure in ["get", "kill"]:
        gone = watcher.call("wamp.session." + procedure, details.session)
        await steps.refused(f"{procedure} of a session that is gone", gone, "wamp.error.no_such_session")
    bad = watcher.call("wamp.session.kill", details.session, reason="not a uri")
    await steps.refused("kill with a bad reason", bad, "wamp.error.invalid_uri")


class Changes:
    """The meta events of registrations or subscriptions that are about one id."""

    def __init__(self, watcher, kind, words):
        self.watcher, self.kind, self.words, self.inbox = watcher, kind, words, Inbox()

    async def watch(self):
        for word in self.words:
            put = lambda session, about, word=word: self.inbox.put((word, session, about))
            await within(self.watcher.subscribe(put, f"wamp.{self.kind}.{word}"))
        return self

    async def take(self, id, count):
        """The next `count` of them: the word, the session, and the details where there are some."""
        found = []
        while len(found) < count:
            word, session, about = await self.inbox.take()
            if (about["id"] if isinstance(about, dict) else about) == id:
                found.append((word, session, about))
        return found


async def registration_meta(steps, watcher, callee, callee_id):
    changes = await Changes(watcher, "registration", ["on_create", "on_register", "on_unregister", "on_delete"]).watch()
    procedure = BASE + ".meta"
    options = RegisterOptions(match="prefix", invoke="roundrobin")
    registration = await within(callee.register(lambda: 1, procedure, options=options))
    id = registration.id
    call = lambda name, *args: within(watcher.call("wamp.registration." + name, *args))
    events = await changes.take(id, 2)
    steps.equal("on_create, on_register", [e[:2] for e in events], [("on_create", callee_id), ("on_register", callee_id)])
    shape = {"id": id, "uri": procedure, "match": "prefix", "invoke": "roundrobin"}
    created = dict(events[0][2])
    steps.equal("RegistrationDetails: created", isinstance(created.pop("created", None), str), True)
    steps.equal("RegistrationDetails", created, shape)
    listed = await call("list")
    steps.equal("registration.list", [id in listed[match] for match in ["exact", "prefix", "wildcard"]], [False, True, False])
    steps.equal("registration.lookup", await call("lookup", procedure, {"match": "prefix"}), id)
    steps.equal("registration.lookup of another policy", await call("lookup", procedure), None)
    steps.equal("registration.match", await call("match", procedure + ".any"), id)
    got = await call("get", id)
    steps.equal("registration.get", {key: got.get(key) for key in shape}, shape)
    steps.equal("registration.list_callees", await call("list_callees", id), [callee_id])
    steps.equal("registration.count_callees", await call("count_callees", id), 1)
    await call("remove_callee", id, callee_id, "com.example.revoked")
    events = [event[:2] for event in await changes.take(id, 2)]
    steps.equal("revoked: on_unregister, on_delete", events, [("on_unregister", callee_id), ("on_delete", callee_id)])
    gone = "wamp.error.no_such_registration"
    await steps.refused("registration.get of what is gone", call("get", id), gone)
    await steps.refused("a revoked procedure", watcher.call(procedure + ".any"), "wamp.error.no_such_procedure")
    await within(callee.register(lambda: "alive", BASE + ".meta_alive"))
    steps.equal("the callee goes on", await within(watcher.call(BASE + ".meta_alive")), "alive")


async def subscription_meta(steps, watcher, subscriber, subscriber_id):
    words = ["on_create", "on_subscribe", "on_unsubscribe", "on_delete"]
    changes = await Changes(watcher, "subscription", words).watch()
    topic = BASE + ".meta..topic"
    options = SubscribeOptions(match="wildcard")
    subscription = await within(subscriber.subscribe(lambda *_: None, topic, options=options))
    id = subscription.id
    call = lambda name, *args: within(watcher.call("wamp.subscription." + name, *args))
    events = await changes.take(id, 2)
    told = [event[:2] for event in events]
    steps.equal("on_create, on_subscribe", told, [("on_create", subscriber_id), ("on_subscribe", subscriber_id)])
    shape = {"id": id, "uri": topic, "match": "wildcard"}
    created = dict(events[0][2])
    steps.equal("SubscriptionDetails: created", isinstance(created.pop("created", None), str), True)
    steps.equal("SubscriptionDetails", created, shape)
    listed = await call("list")
    steps.equal("subscription.list", [id in listed[match] for match in ["exact", "prefix", "wildcard"]], [False, False, True])
    steps.equal("subscription.lookup", await call("lookup", topic, {"match": "wildcard"}), id)
    steps.equal("subscription.match", await call("match", BASE + ".meta.any.topic"), [id])
    steps.equal("subscription.match of nothing", await call("match", BASE + ".nobody"), None)
    got = await call("get", id)
    steps.equal("subscription.get", {key: got.get(key) for key in shape}, shape)
    steps.equal("subscription.list_subscribers", await call("list_subscribers", id), [subscriber_id])
    steps.equal("subscription.count_subscribers", await call("count_subscribers", id), 1)
    await within(subscription.unsubscribe())
    events = [event[:2] for event in await changes.take(id, 2)]
    steps.equal("on_unsubscribe, on_delete", events, [("on_unsubscribe", subscriber_id), ("on_delete", subscriber_id)])
    await steps.refused("subscription.get of what is gone", call("get", id), "wamp.error.no_such_subscription")


async def history(steps, publisher):
    kept = await within(publisher.call("wamp.subscription.lookup", "com.example.kept.", {"match": "prefix"}))
    steps.equal("what keeps its events is there before anybody subscribes", isinstance(kept, int), True)
    ids = []
    for number in range(6):
        publication = await within(publisher.publish(KEPT, number, text=str(number), options=ACKNOWLEDGE))
        ids.append(publication.id)

    async def numbers(**filters):
        events = results(await within(publisher.call("wamp.subscription.get_events", kept, topic=KEPT, **filters)))
        return [event["args"][0] for event in events]

    events = results(await within(publisher.call("wamp.subscription.get_events", kept, topic=KEPT)))
    steps.equal("history: publications in order", [event["publication"] for event in events], ids)
    steps.equal("history: payload", (events[1]["args"], events[1]["kwargs"]), ([1], {"text": "1"}))
    steps.equal("history: subscription", {event["subscription"] for event in events}, {kept})
    steps.equal("history: timestamp", all(isinstance(event["timestamp"], str) for event in events), True)
    steps.equal("history: limit", await numbers(limit=2), [0, 1])
    steps.equal("history: reverse, limit", await numbers(limit=2, reverse=True), [5, 4])
    steps.equal("history: after_publication", await numbers(after_publication=ids[3]), [4, 5])
    steps.equal("history: from_publication, before_publication",
                await numbers(from_publication=ids[1], before_publication=ids[3]), [1, 2])
    steps.equal("history: from_time of an event", await numbers(from_time=events[0]["timestamp"]), list(range(6)))
    steps.equal("history: until_time long ago", await numbers(until_time="2000-01-01T00:00:00Z"), [])
    bad = publisher.call("wamp.subscription.get_events", kept, limit="many")
    await steps.refused("history: a bad filter", bad, "wamp.error.invalid_argument")
    await steps.refused(
        "history: no such subscription",
        publisher.call("wamp.subscription.get_events", 1),
        "wamp.error.no_such_subscription",
    )


async def conversation(steps):
    (first, _), (second, second_details) = await connect(), await connect()
    await policies(steps, first, [first, second])
    await concurrency(steps, first, second)
    await forced(steps, first, [second, first])
    await canceled_progress(steps, first, second)
    await retained(steps, first, second)
    await testaments(steps, first)
    await session_meta(steps, first)
    await registration_meta(steps, first, second, second_details.session)
    await subscription_meta(steps, first, second, second_details.session)
    await history(steps, first)
    for session in [second, first]:
        steps.equal("clean leave", await leave(session), "wamp.close.goodbye_and_out")


converse(conversation)
