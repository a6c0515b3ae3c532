"""Logins about which examples/authenticator.py is asked: autobahn_dynamic.py asyncio|twisted URL SERIALIZER

As autobahn_python.py. The authenticator, which follows Crossbar.io's convention, runs beside it.
"""

from autobahn_peer import connect, converse, leave, login

REALM = "dynamic"
DENIED = "wamp.error.authentication_denied"


async def let_in(steps, method, name, became=None, **arguments):
    session, details = await login(method, realm=REALM, **arguments)
    who = (details.authid, details.authrole, details.authmethod, details.authprovider) if hasattr(details, "authid") else details
    steps.equal(f"{method}: {name} is let in", who, (became or name, "frontend", method, "dynamic"))
    await leave(session)


async def refused(steps, method, step, **arguments):
    _, reason = await login(method, realm=REALM, **arguments)
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


async def main(steps):
    await tickets(steps)
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
