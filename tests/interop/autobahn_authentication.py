"""Logins as autobahn-python makes them, by each of its methods: autobahn_authentication.py asyncio|twisted URL SERIALIZER

As autobahn_python.py, which has the rest. Its SCRAM is the dialect `scram`.
"""

from autobahn_peer import connect, converse, leave, login, within
from autobahn.wamp.exception import ApplicationError

KEY = "44" * 32
DENIED = "wamp.error.authentication_denied"


async def let_in(steps, method, name, **arguments):
    session, details = await login(method, **arguments)
    who = (details.authid, details.authrole, details.authmethod) if hasattr(details, "authid") else details
    steps.equal(f"{method}: {name} is let in", who, (name, "clerk", method))
    try:
        await within(session.call("com.example.nobody"))
    except ApplicationError as error:
        steps.equal(f"{method}: {name} may call", error.error, "wamp.error.no_such_procedure")
    await leave(session)


async def refused(steps, method, step, **arguments):
    _, reason = await login(method, **arguments)
    steps.equal(f"{method}: {step} is refused", reason, DENIED)


async def main(steps):
    for authid, ticket, expected in [("hank", "hank-ticket", "hank"), ("hank", "guess", DENIED), ("nobody", "x", DENIED)]:
        session, details = await connect(authid=authid, ticket=ticket)
        steps.equal(f"ticket, hashed: {authid}", getattr(details, "authid", details), expected)
        if expected == authid:
            await leave(session)
    for authid in ["bob", "carl"]:
        await let_in(steps, "wampcra", authid, authid=authid, secret=authid + "-secret")
        await refused(steps, "wampcra", authid + " with a wrong secret", authid=authid, secret="guess")
    await refused(steps, "wampcra", "a name that nobody has", authid="nobody", secret="bob-secret")
    await let_in(steps, "scram", "dora", authid="dora", password="dora-password")
    await refused(steps, "scram", "a wrong password", authid="dora", password="guess")
    await refused(steps, "scram", "a name that nobody has", authid="nobody", password="dora-password")
    await let_in(steps, "cryptosign", "device", authid="device", privkey=KEY)
    await let_in(steps, "cryptosign", "device", privkey=KEY)
    await refused(steps, "cryptosign", "another key", authid="device", privkey="45" * 32)
    await refused(steps, "cryptosign", "a key that nobody has", privkey="45" * 32)


converse(main)
