"""Logins as autobahn-python makes them, by each of its methods: autobahn_authentication.py asyncio|twisted URL SERIALIZER

As autobahn_python.py, which has the rest. Its SCRAM is the dialect `scram`.
"""

import importlib
import time

import jwt
from autobahn_peer import FRAMEWORK, REALM, URL, Inbox, Session, connect, converse, leave, login, open_with, within
from autobahn.wamp.auth import create_authenticator
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import ComponentConfig

TOKEN_KEY = "a secret of 32 octets or more, for tokens"
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


def token(key=TOKEN_KEY, **changes):
    """A token of eve for a minute, as PyJWT makes it."""
    claims = {"iss": "https://id.example", "aud": "interop", "sub": "eve", "exp": time.time() + 60}
    return jwt.encode(claims | changes, key, algorithm="HS256")


async def tokens(steps):
    session, details = await connect(authid="eve", ticket=token())
    named = (details.authid, details.authrole, details.authmethod, details.authprovider)
    steps.equal("token as a ticket: eve is let in", named, ("eve", "clerk", "ticket", "jwt"))
    await leave(session)
    expired, elsewhere = token(exp=time.time() - 60), token(aud="other")
    unsigned = jwt.encode({"iss": "https://id.example", "aud": "interop", "sub": "eve", "exp": time.time() + 60}, None, algorithm="none")
    wrong = [("an expired token", "eve", expired), ("one for others", "eve", elsewhere), ("one without a signature", "eve", unsigned)]
    wrong += [("one that another has signed", "eve", token(key="x" * 40)), ("a token of somebody else", "frank", token())]
    for step, authid, bad in wrong:
        _, reason = await connect(authid=authid, ticket=bad)
        steps.equal(f"token as a ticket: {step} is refused", reason, DENIED)


class Known(Session):
    """A session that shows what an earlier one was given."""

    def __init__(self, cookie):
        super().__init__(REALM, None, None)
        self.cookie = cookie

    def onConnect(self):
        self.join(REALM, ["cookie"])


async def cookies(steps):
    if not URL.startswith("ws"):
        return
    session, _ = await connect(authid="alice", ticket="alice-ticket")
    for step in ["after a login", "and again"]:
        first = session.cookie
        await leave(session)
        session = Known(first)
        details = await open_with(session)
        steps.equal(f"cookie: {step}", (details.authid, details.authrole, details.authmethod), ("alice", "clerk", "cookie"))
        steps.equal(f"cookie: {step}, another one was set", session.cookie not in (None, "", first), True)
    session.leave("wamp.close.logout")
    await session.left.take()
    for step, cookie in [("after a logout", session.cookie), ("of nobody", "wharf=" + "x" * 43)]:
        steps.equal(f"cookie: {step}", await open_with(Known(cookie)), "wamp.error.no_matching_auth_method")


class Twice(importlib.import_module(f"autobahn.{FRAMEWORK}.wamp").Session):
    """The session of the library's components: it answers each CHALLENGE with the authenticator of its method."""

    cookie = None

    def __init__(self, **methods):
        super().__init__(ComponentConfig("twice"))
        self.joined, self.left, self.gone = Inbox(), Inbox(), Inbox()
        for method, arguments in methods.items():
            self.add_authenticator(create_authenticator(method, authid="vera", **arguments))

    def on_join(self, details):
        self.joined.put(details)

    def on_leave(self, details):
        self.joined.put(details.reason)
        self.left.put(details.reason)
        self.disconnect()

    def on_disconnect(self):
        self.joined.put("the transport was lost")
        self.gone.put(True)


async def two_proofs(steps):
    right = {"ticket": {"ticket": "vera-ticket"}, "wampcra": {"secret": "vera-secret"}, "cryptosign": {"privkey": KEY}}
    for first in ["ticket", "wampcra"]:
        pair = {first: right[first], "cryptosign": right["cryptosign"]}
        for order in [pair, dict(reversed(pair.items()))]:
            session = Twice(**order)
            details = await open_with(session)
            who = (details.authid, details.authrole, details.authmethod) if hasattr(details, "authid") else details
            steps.equal(f"two proofs: {' and '.join(order)}", who, ("vera", "clerk", first))
            await leave(session)
    guesses = {"ticket": {"ticket": "guess"}, "wampcra": {"secret": "guess"}, "cryptosign": {"privkey": "45" * 32}}
    for wrong in ["ticket", "cryptosign"]:
        methods = {method: (guesses if method == wrong else right)[method] for method in ["ticket", "cryptosign"]}
        steps.equal(f"two proofs: a wrong {wrong}", await open_with(Twice(**methods)), DENIED)
    for alone in right:
        reason = await open_with(Twice(**{alone: right[alone]}))
        steps.equal(f"two proofs: {alone} alone", reason, "wamp.error.no_matching_auth_method")


async def main(steps):
    for authid, ticket, expected in [("hank", "hank-ticket", "hank"), ("hank", "guess", DENIED), ("nobody", "x", DENIED)]:
        session, details = await connect(authid=authid, ticket=ticket)
        steps.equal(f"ticket, hashed: {authid}", getattr(details, "authid", details), expected)
        if expected == authid:
            await leave(session)
    await tokens(steps)
    await two_proofs(steps)
    await cookies(steps)
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
