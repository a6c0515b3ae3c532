"""What examples/authenticator.py and examples/authorizer.py decide: autobahn_dynamic.py asyncio|twisted URL SERIALIZER

As autobahn_python.py. The two, which follow Crossbar.io's convention, run beside it; so does
examples/authenticator_http.py, whom the router asks over HTTP about the realm "byhttp".
"""

from autobahn_peer import ACKNOWLEDGE, DETAILS, ROW, Inbox, connect, converse, leave, login, within
from autobahn.wamp.types import RegisterOptions, SubscribeOptions

REALM = "dynamic"
DENIED = "wamp.error.authentication_denied"


async def let_in(steps, method, name, became=None, realm=REALM, **arguments):
    session, details = await login(method, realm=realm, **arguments)
    who = (details.authid, details.authrole, details.authmethod, details.authprovider) if hasattr(details, "authid") else details
    steps.equal(f"{method}: {name} is let in", who, (became or name, "frontend", method, "dynamic"))
    await leave(session)


async def refused(steps, method, step, realm=REALM, **arguments):
    _, reason = await login(method, realm=realm, **arguments)
    steps.equal(f"{method}: {step} is refused", reason, DENIED)


async def tickets(steps):
    for authid, ticket, expected in [
        ("ann", "ann-ticket", "ann"),
        ("amy", "amy-ticket", "amy.smith"),
        ("ann", "guess", DENIED),
        ("nobody", "ann-ticket", DENIED),
    ]:
        session, details = await connect(REALM, authid, ticket)
        steps.equal(f"ticket: {authid}", getattr(details, "authid", details), expected)
        if authid == "amy":
            steps.equal("ticket: what the authenticator says beyond that", details.authextra, {"team": 3})
        if expected != DENIED:
            await leave(session)


async def rights(steps):
    """What the authorizer says about a session of ann's, with rows of their own below ann's part."""
    session, _ = await connect(REALM, "ann", "ann-ticket")
    own, no = f"com.example.users.ann.{ROW}", "wamp.error.not_authorized"
    heard = Inbox()
    await within(session.subscribe(heard.event, own + ".topic", DETAILS))
    await within(session.register(lambda details: details.caller_authid, own + ".whose", RegisterOptions(details_arg="details")))
    steps.equal("call: the caller is named", await within(session.call(own + ".whose")), "ann")
    await steps.refused("register elsewhere", session.register(lambda: 1, "com.example.public." + ROW), no)
    await steps.refused("publish elsewhere", session.publish("com.example.public." + ROW, options=ACKNOWLEDGE), no)
    await steps.refused("call of what is nobody's", session.call("com.example.secret"), no)
    await steps.refused("call of what is denied by rule", session.call("com.example.users.ann.closed"), no)
    await steps.refused("call of what is public", session.call("com.example.public." + ROW), "wamp.error.no_such_procedure")
    await within(session.subscribe(heard.event, "com.example.public.", SubscribeOptions(match="prefix")))
    everything = session.subscribe(heard.event, "com.example.", SubscribeOptions(match="prefix"))
    await steps.refused("subscribe to a wider pattern", everything, no)
    session_of_nobody = session.subscribe(heard.event, "com.example.users.amy.topic")
    await steps.refused("subscribe to somebody else's", session_of_nobody, no)
    other, _ = await connect(REALM, "ann", "ann-ticket")
    for number in range(20):
        other.publish(own + ".topic", number)
    events = [await heard.take() for _ in range(20)]
    steps.equal("events keep their order", [args[0] for args, _, _ in events], list(range(20)))
    steps.equal("event: the publisher is named", events[0][2].publisher_authid, "ann")
    await leave(other)
    await leave(session)


async def over_http(steps):
    """The second time ann is remembered."""
    for authid, ticket, expected in [("ann", "ann-ticket", "ann"), ("ann", "ann-ticket", "ann"), ("ann", "guess", DENIED)]:
        session, details = await connect("byhttp", authid, ticket)
        steps.equal(f"over HTTP: ticket: {ticket}", getattr(details, "authid", details), expected)
        if expected != DENIED:
            await leave(session)
    await let_in(steps, "wampcra", "bob", realm="byhttp", authid="bob", secret="bob-secret")
    await refused(steps, "wampcra", "over HTTP: a wrong secret", realm="byhttp", authid="bob", secret="guess")
    await let_in(steps, "scram", "dora", realm="byhttp", authid="dora", password="dora-password")
    await refused(steps, "scram", "over HTTP: a wrong password", realm="byhttp", authid="dora", password="guess")
    await let_in(steps, "cryptosign", "device", realm="byhttp", privkey="44" * 32)
    await refused(steps, "cryptosign", "over HTTP: another key", realm="byhttp", authid="device", privkey="45" * 32)


async def main(steps):
    await tickets(steps)
    await over_http(steps)
    await rights(steps)
    for authid in ["bob", "ben"]:
        await let_in(steps, "wampcra", authid, authid=authid, secret=authid + "-secret")
        await refused(steps, "wampcra", authid + " with a wrong secret", authid=authid, secret="guess")
    await refused(steps, "wampcra", "a name that nobody has", authid="nobody", secret="bob-secret")
    await let_in(steps, "scram", "dora", authid="dora", password="dora-password")
    await refused(steps, "scram", "a wrong password", authid="dora", password="guess")
    await refused(steps, "scram", "a name that nobody has", authid="nobody", password="dora-password")
    await let_in(steps, "cryptosign", "device", authid="device", privkey="44" * 32)
    await let_in(steps, "cryptosign", "device", privkey="44" * 32)
    await refused(steps, "cryptosign", "another key", authid="device", privkey="45" * 32)
    await refused(steps, "cryptosign", "a key that nobody has", privkey="45" * 32)


converse(main)
