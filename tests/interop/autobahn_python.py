"""Wharf as autobahn-python sees it: autobahn_python.py asyncio|twisted URL SERIALIZER

Each step ends with a comparison and prints one line; the exit status is 0 when every step held. The router runs with
wharf.toml of this folder. What must not come is awaited by what must come after it, never by a pause. The extras of the
Advanced Profile are in autobahn_advanced.py.
"""

from autobahn_peer import (
    ACKNOWLEDGE, DETAILS, REALM, ROW, SERIALIZER, ApplicationError, Inbox, connect, converse, leave, pause, within,
)
import txaio
from autobahn.wamp.types import CallOptions, CallResult, PublishOptions, RegisterOptions, SubscribeOptions

BASE = "com.example.interop." + ROW


async def welcome(steps, details):
    steps.equal("WELCOME: the session id is in its range", 1 <= details.session <= 2**53, True)
    steps.equal("WELCOME: realm", details.realm, REALM)
    steps.equal("WELCOME: authrole", details.authrole, "anonymous")
    steps.equal("WELCOME: authmethod", details.authmethod, "anonymous")
    steps.equal("WELCOME: an authid was given", bool(details.authid), True)
    steps.equal("the serializer is the one asked for", details.serializer, SERIALIZER)


async def payloads(steps, caller, callee):
    def echo(*args, **kwargs):
        return CallResult(*args, **kwargs)

    registration = await within(callee.register(echo, BASE + ".echo"))
    steps.equal("REGISTERED: id", registration.id > 0, True)
    call = lambda *args, **kwargs: within(caller.call(BASE + ".echo", *args, **kwargs))
    integers = [0, -1, 255, 256, -(2**31), 2**53]
    got = await call(*integers)
    steps.equal("positional integers", list(got.results), integers)
    got = await call("", "é\u4e2d\U0001f600", 'quo"te\\', "\x18\x1e\n")
    steps.equal("positional texts", list(got.results), ["", "é\u4e2d\U0001f600", 'quo"te\\', "\x18\x1e\n"])
    got = await call(first=1, second={"deep": [True, None, {"x": []}]})
    steps.equal("keyword values", got.kwresults, {"first": 1, "second": {"deep": [True, None, {"x": []}]}})
    got = await call(b"\x00\xff\x80bytes", [b""], raw=bytes(range(256)))
    steps.equal("binary, positional", list(got.results), [b"\x00\xff\x80bytes", [b""]])
    steps.equal("binary, keyword", got.kwresults, {"raw": bytes(range(256))})
    got = await call(1.5, -0.1, 1e300)
    steps.equal("floats", list(got.results), [1.5, -0.1, 1e300])
    got = await call(None, [None, False])
    steps.equal("null", list(got.results), [None, [None, False]])
    large = " ".join(map(str, range(60000)))
    steps.equal("a payload of 350,000 octets", await call(large) == large, True)
    many = [caller.call(BASE + ".echo", number) for number in range(100)]
    steps.equal("100 calls at a time", [await within(one) for one in many], list(range(100)))
    return registration


async def errors(steps, caller, callee):
    def fail(value):
        raise ApplicationError("com.example.error.failed", value, b"\x01", cause="test")

    await within(callee.register(fail, BASE + ".fail"))
    error = await steps.refused("application error", caller.call(BASE + ".fail", 7), "com.example.error.failed")
    steps.equal("application error: arguments", (list(error.args), error.kwargs), ([7, b"\x01"], {"cause": "test"}))
    await steps.refused("no_such_procedure", caller.call(BASE + ".none"), "wamp.error.no_such_procedure")
    await steps.refused(
        "procedure_already_exists",
        caller.register(fail, BASE + ".fail"),
        "wamp.error.procedure_already_exists",
    )


async def progress(steps, caller, callee):
    def count(number, details=None):
        for step in range(number):
            details.progress(step)
        return number

    await within(callee.register(count, BASE + ".count", options=RegisterOptions(details_arg="details")))
    seen = []
    result = await within(caller.call(BASE + ".count", 5, options=CallOptions(on_progress=seen.append)))
    steps.equal("progressive results, in order, then the result", (seen, result), ([0, 1, 2, 3, 4], 5))


async def ended_calls(steps, caller, callee):
    called, interrupted = Inbox(), Inbox()

    def hang():
        called.put(True)
        return txaio.create_future(canceller=lambda _: interrupted.put(True))

    await within(callee.register(hang, BASE + ".hang"))
    call = caller.call(BASE + ".hang")
    await called.take()
    txaio.cancel(call)
    try:
        ended = await within(call)
    # Each framework ends it with a CancelledError of its own; that of asyncio is no Exception.
    except BaseException as error:
        ended = type(error).__name__
    steps.equal("a canceled call ends", ended, "CancelledError")
    steps.equal("its callee is interrupted", await interrupted.take(), True)
    # The unit is the millisecond, whatever the library's documentation says.
    await steps.refused(
        "call timeout", caller.call(BASE + ".hang", options=CallOptions(timeout=200)), "wamp.error.timeout"
    )
    steps.equal("its callee is interrupted too", await interrupted.take(), True)


async def events(steps, publisher, subscriber):
    inbox = Inbox()
    subscription = await within(subscriber.subscribe(inbox.event, BASE + ".sold", options=DETAILS))
    steps.equal("SUBSCRIBED: id", subscription.id > 0, True)
    publication = await within(publisher.publish(BASE + ".sold", 1, b"\x00", None, price=2.5, options=ACKNOWLEDGE))
    args, kwargs, details = await inbox.take()
    steps.equal("EVENT: payload", (args, kwargs), ([1, b"\x00", None], {"price": 2.5}))
    steps.equal("EVENT: the publication is that of PUBLISHED", details.publication, publication.id)
    for number in range(200):
        publisher.publish(BASE + ".sold", number)
    steps.equal("200 events in order", [await inbox.payload() for _ in range(200)], list(range(200)))
    return subscription, inbox


async def patterns(steps, publisher, subscriber):
    inboxes = {match: Inbox() for match in ["exact", "prefix", "wildcard"]}
    topics = {"exact": ".shop.a.open", "prefix": ".shop.a", "wildcard": ".shop..open"}
    for match, inbox in inboxes.items():
        options = SubscribeOptions(match=match, details=True)
        await within(subscriber.subscribe(inbox.event, BASE + topics[match], options=options))
    published = {}
    for topic in [".shop.a.open", ".shop.a.shut", ".shop.b.open", ".shop.a.open"]:
        publication = await within(publisher.publish(BASE + topic, topic, options=ACKNOWLEDGE))
        published.setdefault(topic, publication.id)
    matching = {
        "exact": [".shop.a.open"],
        "prefix": [".shop.a.open", ".shop.a.shut"],
        "wildcard": [".shop.a.open", ".shop.b.open"],
    }
    for match, expected in matching.items():
        received = [await inboxes[match].take() for _ in expected]
        steps.equal(f"{match}: what matches, and nothing else", [args[0] for args, _, _ in received], expected)
        if match != "exact":
            topics_told = [details.topic for _, _, details in received]
            steps.equal(f"{match}: EVENT.topic", topics_told, [BASE + topic for topic in expected])
        publications = [details.publication for _, _, details in received]
        steps.equal(f"{match}: one publication id", publications, [published[topic] for topic in expected])


async def exclusion(steps, first, second, ids):
    topic = BASE + ".talk"
    mine, theirs = Inbox(), Inbox()
    await within(first.subscribe(mine.event, topic))
    await within(second.subscribe(theirs.event, topic))
    for text, options in [
        ("default", {}),
        ("me too", {"exclude_me": False}),
        ("excluded", {"exclude": [ids[1]], "exclude_me": False}),
        ("eligible", {"eligible": [ids[1]], "exclude_me": False}),
        ("no such role", {"eligible_authrole": ["nobody"], "exclude_me": False}),
        ("end", {"exclude_me": False}),
    ]:
        await within(first.publish(topic, text, options=PublishOptions(acknowledge=True, **options)))
    received = [[await inbox.payload() for _ in range(count)] for inbox, count in [(mine, 3), (theirs, 4)]]
    steps.equal("exclude_me, exclude, eligible: the publisher", received[0], ["me too", "excluded", "end"])
    steps.equal("exclude_me, exclude, eligible: the other", received[1], ["default", "me too", "eligible", "end"])


async def sharing(steps, caller, callees):
    options = RegisterOptions(invoke="roundrobin")
    for number, callee in enumerate(callees):
        await within(callee.register(lambda number=number: number, BASE + ".shared", options=options))
    answers = [await within(caller.call(BASE + ".shared")) for _ in range(6)]
    steps.equal("roundrobin takes turns", answers, answers[:2] * 3)
    steps.equal("roundrobin reaches both", sorted(answers[:2]), [0, 1])
    await steps.refused(
        "another policy is refused",
        caller.register(lambda: 0, BASE + ".shared", options=RegisterOptions(invoke="first")),
        "wamp.error.procedure_already_exists",
    )
    named = RegisterOptions(match="prefix", details_arg="details")
    await within(callees[0].register(lambda details=None: details.procedure, BASE + ".any", options=named))
    told = await within(caller.call(BASE + ".any.one"))
    steps.equal("prefix registration: INVOCATION.procedure", told, BASE + ".any.one")


async def meta(steps, session, ids):
    count = await within(session.call("wamp.session.count"))
    steps.equal("wamp.session.count", count >= len(ids), True)
    listed = await within(session.call("wamp.session.list"))
    steps.equal("wamp.session.list", set(ids) <= set(listed), True)
    told = await within(session.call("wamp.session.get", ids[1]))
    steps.equal("wamp.session.get", (told["session"], told["authrole"]), (ids[1], "anonymous"))


async def undone(steps, first, second, registration, subscription, inbox):
    await within(registration.unregister())
    await steps.refused("unregistered", first.call(BASE + ".echo"), "wamp.error.no_such_procedure")
    await within(subscription.unsubscribe())
    other = Inbox()
    await within(second.subscribe(other.event, BASE + ".sold", options=SubscribeOptions(match="prefix")))
    for text in ["after", "end"]:
        await within(first.publish(BASE + ".sold", text, options=ACKNOWLEDGE))
    steps.equal("another subscription goes on", [await other.payload(), await other.payload()], ["after", "end"])
    steps.equal("unsubscribed", inbox.items, [])


async def quiet(steps, first, second):
    """The router's PINGs go out every 500 ms; a client that cannot take one must not get one."""
    await within(second.register(lambda: "alive", BASE + ".alive"))
    await pause(1.3)
    steps.equal("alive after two intervals of PING", await within(first.call(BASE + ".alive")), "alive")


async def tickets(steps):
    alice, details = await connect(authid="alice", ticket="alice-ticket")
    named = (details.authid, details.authrole, details.authmethod)
    steps.equal("ticket: WELCOME", named, ("alice", "clerk", "ticket"))
    await steps.refused("ticket: a role's rights", alice.register(lambda: 0, BASE + ".x"), "wamp.error.not_authorized")
    steps.equal("ticket: clean leave", await leave(alice), "wamp.close.goodbye_and_out")
    for step, authid, ticket in [("a wrong ticket", "alice", "wrong"), ("an unknown user", "mallory", "alice-ticket")]:
        _, reason = await connect(authid=authid, ticket=ticket)
        steps.equal(f"ticket: {step} is refused", reason, "wamp.error.authentication_denied")
    _, reason = await connect(realm="no.such.realm")
    steps.equal("an unknown realm is refused", reason, "wamp.error.no_such_realm")


async def leaving(steps, first, second, old_id):
    steps.equal("clean leave: GOODBYE is answered", await leave(second), "wamp.close.goodbye_and_out")
    await steps.refused("its procedures are gone", first.call(BASE + ".alive"), "wamp.error.no_such_procedure")
    again, details = await connect()
    steps.equal("reconnected with another id", details.session != old_id, True)
    await within(again.register(lambda: "again", BASE + ".alive"))
    steps.equal("registered again", await within(first.call(BASE + ".alive")), "again")
    steps.equal("clean leave, the second time", await leave(again), "wamp.close.goodbye_and_out")
    steps.equal("clean leave of the other", await leave(first), "wamp.close.goodbye_and_out")


async def conversation(steps):
    (first, first_details), (second, second_details) = await connect(), await connect()
    ids = [first_details.session, second_details.session]
    await welcome(steps, first_details)
    registration = await payloads(steps, first, second)
    await errors(steps, first, second)
    await progress(steps, first, second)
    await ended_calls(steps, first, second)
    subscription, inbox = await events(steps, first, second)
    await patterns(steps, first, second)
    await exclusion(steps, first, second, ids)
    await sharing(steps, first, [first, second])
    await meta(steps, first, ids)
    await undone(steps, first, second, registration, subscription, inbox)
    await quiet(steps, first, second)
    await tickets(steps)
    await leaving(steps, first, second, ids[1])


converse(conversation)
