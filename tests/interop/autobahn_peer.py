"""What the checks of autobahn-python share: its framework, a session, steps that are compared, events that are awaited.

A script that imports this is called with FRAMEWORK URL SERIALIZER: asyncio or twisted; ws://HOST:PORT/ws or rs://HOST:PORT,
with asyncio wss:// and rss:// too; json, msgpack or cbor, with ".batched" on WebSocket. SSL_CERT_FILE names the authority
within TLS. The library's parts bind the framework that is chosen when they are
loaded, so nothing of it may be imported before this.
"""

import ssl
import sys

import txaio

FRAMEWORK, URL, SERIALIZER = sys.argv[1:4]
TRANSPORT = URL.split(":")[0]
DEADLINE_S = 10

if FRAMEWORK == "asyncio":
    import asyncio

    from autobahn.asyncio.rawsocket import WampRawSocketClientFactory
    from autobahn.asyncio.wamp import ApplicationSession
    from autobahn.asyncio.websocket import WampWebSocketClientFactory

    async def within(awaitable, seconds=DEADLINE_S):
        return await asyncio.wait_for(awaitable, seconds)

    async def pause(seconds):
        await asyncio.sleep(seconds)

    async def open_transport(factory, host, port):
        context = ssl.create_default_context() if TRANSPORT in ["wss", "rss"] else None
        await asyncio.get_running_loop().create_connection(factory, host, port, ssl=context)

    def run(main):
        asyncio.run(main())

else:
    from autobahn.twisted.rawsocket import WampRawSocketClientFactory
    from autobahn.twisted.wamp import ApplicationSession
    from autobahn.twisted.websocket import WampWebSocketClientFactory
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred, ensureDeferred
    from twisted.internet.endpoints import TCP4ClientEndpoint
    from twisted.internet.task import deferLater, react

    async def within(awaitable, seconds=DEADLINE_S):
        deferred = awaitable if isinstance(awaitable, Deferred) else ensureDeferred(awaitable)
        return await deferred.addTimeout(seconds, reactor)

    async def pause(seconds):
        await deferLater(reactor, seconds, lambda: None)

    async def open_transport(factory, host, port):
        await TCP4ClientEndpoint(reactor, host, port).connect(factory)

    def run(main):
        react(lambda _: ensureDeferred(main()))


# After the framework: the library's parts bind the one that is chosen when they are loaded.
from autobahn.wamp import serializer as serializers
from autobahn.wamp.auth import create_authenticator
from autobahn.wamp.exception import ApplicationError
from autobahn.wamp.types import ComponentConfig, PublishOptions, SubscribeOptions

REALM = "realm1"
ROW = ".".join([FRAMEWORK, TRANSPORT, SERIALIZER.replace(".", "_")])
DETAILS = SubscribeOptions(details=True)
ACKNOWLEDGE = PublishOptions(acknowledge=True)


class Steps:
    """Counts the steps and tells each."""

    def __init__(self):
        self.held = self.failed = 0

    def equal(self, step, got, expected):
        if got == expected and type(got) is type(expected):
            self.held += 1
            print("ok  ", step, flush=True)
        else:
            self.fault(step, f"expected {expected!r}, got {got!r}")

    def fault(self, step, text):
        self.failed += 1
        print("FAIL", step + ":", text[:400], flush=True)

    async def refused(self, step, awaitable, expected):
        """The request must be answered with this error; gives it back."""
        try:
            result = await within(awaitable)
        except ApplicationError as error:
            self.equal(step, error.error, expected)
            return error
        self.fault(step, f"expected the error {expected}, got {result!r}")
        return ApplicationError("none")


class Inbox:
    """What has arrived, in order, for who waits for it."""

    def __init__(self):
        self.items, self.waiting = [], []

    def put(self, item):
        if self.waiting:
            txaio.resolve(self.waiting.pop(0), item)
        else:
            self.items.append(item)

    def event(self, *args, details=None, **kwargs):
        self.put((list(args), kwargs, details))

    async def take(self):
        if self.items:
            return self.items.pop(0)
        future = txaio.create_future()
        self.waiting.append(future)
        return await within(future)

    async def payload(self):
        """The first positional argument of the next event."""
        args, _, _ = await self.take()
        return args[0]


class Session(ApplicationSession):
    """One session on a transport of its own. `cookie` is shown with the upgrade, as a browser would, and then what was set."""

    cookie = None

    def __init__(self, realm, authid, ticket):
        super().__init__(ComponentConfig(realm))
        self.who, self.ticket = authid, ticket
        self.joined, self.left, self.gone = Inbox(), Inbox(), Inbox()

    def onConnect(self):
        if self.who:
            self.join(self.config.realm, ["ticket"], self.who)
        else:
            self.join(self.config.realm)

    def onChallenge(self, challenge):
        return self.ticket

    def onJoin(self, details):
        self.joined.put(details)

    def onLeave(self, details):
        self.joined.put(details.reason)
        self.left.put(details.reason)
        self.disconnect()

    def onUserError(self, fail, msg):
        """The errors of the procedures here are meant: no need to print them."""

    def onDisconnect(self):
        self.joined.put("the transport was lost")
        self.gone.put(True)


class Proving(Session):
    """A session that proves who it is with one of the library's authenticators."""

    def __init__(self, realm, method, arguments):
        super().__init__(realm, arguments.get("authid"), None)
        self.authenticator = create_authenticator(method, **arguments)

    def onConnect(self):
        self.join(self.config.realm, [self.authenticator.name], self.who, authextra=self.authenticator.authextra)

    def onChallenge(self, challenge):
        signature = self.authenticator.on_challenge(self, challenge)
        # The library's SCRAM gives octets where a text is due.
        return signature.decode() if isinstance(signature, bytes) else signature

    def onWelcome(self, welcome):
        # The check of the router's own proof, where the method has one.
        if hasattr(self.authenticator, "on_welcome"):
            return self.authenticator.on_welcome(self, welcome.authextra)


async def login(method, realm=REALM, **arguments):
    """A session by this method, and its details or the reason why there are none."""
    session = Proving(realm, method, arguments)
    return session, await open_with(session)


async def connect(realm=REALM, authid=None, ticket=None):
    """A session, and its details or the reason why there are none."""
    session = Session(realm, authid, ticket)
    return session, await open_with(session)


async def open_with(session):
    """Connects; its details or the reason why there are none."""
    name, _, batched = SERIALIZER.partition(".")
    serializer = serializers.SERID_TO_SER[name](batched=bool(batched))
    host, port = URL.split("//")[1].split("/")[0].split(":")
    if URL.startswith("ws"):
        headers = {"Cookie": session.cookie} if session.cookie else None
        factory = WampWebSocketClientFactory(lambda: session, url=URL, serializers=[serializer], headers=headers)

        class Upgraded(factory.protocol):
            def onConnect(self, response):
                session.cookie = response.headers.get("set-cookie", "").partition(";")[0]
                return super().onConnect(response)

        factory.protocol = Upgraded
    else:
        factory = WampRawSocketClientFactory(lambda: session, serializer=serializer)
    await within(open_transport(factory, host, int(port)))
    return await session.joined.take()


async def leave(session):
    session.leave()
    reason = await session.left.take()
    await session.gone.take()
    return reason


def converse(conversation):
    """Runs the whole conversation, tells the sum and ends the process: with 0 when every step held."""
    status = []

    async def main():
        steps = Steps()
        try:
            await within(conversation(steps), 60)
        except Exception as error:
            steps.fault("the conversation broke off", f"{type(error).__name__}: {error}")
        print(f"{steps.held} held, {steps.failed} failed", flush=True)
        status.append(1 if steps.failed else 0)

    run(main)
    sys.exit(status[0] if status else 1)
