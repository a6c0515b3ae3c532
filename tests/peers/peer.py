"""A raw WAMP peer over WebSocket or RawSocket, without a WAMP library. It answers PING on both."""

import base64
import collections
import json
import os
import select
import socket
import struct
import time

import msgpack

HELLO, WELCOME, ABORT, CHALLENGE, AUTHENTICATE, GOODBYE, ERROR = 1, 2, 3, 4, 5, 6, 8
PUBLISH, PUBLISHED, SUBSCRIBE, SUBSCRIBED, EVENT = 16, 17, 32, 33, 36
CALL, RESULT, REGISTER, REGISTERED, UNREGISTERED = 48, 50, 64, 65, 67
INVOCATION, INTERRUPT, YIELD = 68, 69, 70
REALM = "realm1"
WAIT_S = 20
FORMS = [("ws", "json"), ("ws", "msgpack"), ("rs", "json")]
NAMES = {"ws": "WebSocket", "rs": "RawSocket"}
FEATURES = {
    "caller": ["call_canceling", "progressive_call_results"],
    "callee": ["call_canceling", "progressive_call_results", "shared_registration", "registration_revocation"],
    "publisher": ["publisher_exclusion"],
    "subscriber": ["pattern_based_subscription", "subscription_revocation"],
}
ROLES = {role: {"features": {feature: True for feature in features}} for role, features in FEATURES.items()}
now = time.monotonic


class Gone(Exception):
    """The transport ended; `code` is the close code where there was one, `last` the ABORT or GOODBYE before it."""

    def __init__(self, code=None, last=None):
        super().__init__(f"the connection ended, close code {code}, last words {last}")
        self.code, self.last = code, last


class Refused(Exception):
    """An ERROR, or the ABORT of a HELLO."""

    def __init__(self, uri):
        super().__init__(uri)
        self.uri = uri


class Peer:
    """One connection. `form` is a transport and a serialization; `via` another address that leads to the same listener.

    `small` leaves the kernels at both ends little to hold: a small window here, and small segments, which bound the sender's
    buffer.
    """

    def __init__(self, router, form, via=None, small=False):
        self.transport, self.serialization = form
        self.buffer, self.waiting, self.request, self.last = bytearray(), collections.deque(), 0, None
        self.message_parts, self.pings = [], 0
        address = via or router.address(self.transport)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if small:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
        self.socket.settimeout(WAIT_S)
        # Not `select`, which knows no descriptor beyond 1023.
        self.poller = select.poll()
        self.poller.register(self.socket, select.POLLIN)
        self.socket.connect(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.transport == "ws":
            self.upgrade(router)
        else:
            number = {"json": 1, "msgpack": 2}[self.serialization]
            self.write(bytes([0x7F, 0xF0 | number, 0, 0]))
            self.fill(4)
            if self.buffer[1] & 0x0F != number:
                raise Gone()
            del self.buffer[:4]
            # A router may wait for one before it sends its own: not every client can answer.
            self.write(bytes([1, 0, 0, 0]))

    def upgrade(self, router):
        key = base64.b64encode(os.urandom(16)).decode()
        self.write(
            f"GET {router.path} HTTP/1.1\r\nHost: {router.host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Protocol: wamp.2.{self.serialization}\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self.buffer:
            self.fill(len(self.buffer) + 1)
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise Gone()
        self.buffer = bytearray(rest)

    def fileno(self):
        return self.socket.fileno()

    # Octets.

    def write(self, octets):
        try:
            self.socket.sendall(octets)
        except OSError:
            raise Gone(last=self.last) from None

    def take(self, deadline):
        """Reads once; whether something came before the deadline."""
        if not self.poller.poll(max(0, deadline - now()) * 1000):
            return False
        try:
            octets = self.socket.recv(1 << 18)
        except OSError:
            octets = b""
        if not octets:
            raise Gone(last=self.last)
        self.buffer += octets
        return True

    def fill(self, count):
        while len(self.buffer) < count:
            if not self.take(now() + WAIT_S):
                raise Gone()

    # Frames.

    def encode(self, message):
        if self.serialization == "json":
            body = json.dumps(message, separators=(",", ":")).encode()
        else:
            body = msgpack.packb(message)
        return self.frame(body)

    def frame(self, body, opcode=None):
        count = len(body)
        if self.transport == "rs":
            return bytes([opcode or 0]) + count.to_bytes(3, "big") + body
        head = bytes([0x80 | (opcode or (1 if self.serialization == "json" else 2))])
        if count < 126:
            head += bytes([0x80 | count])
        elif count < 65536:
            head += struct.pack(">BH", 0x80 | 126, count)
        else:
            head += struct.pack(">BQ", 0x80 | 127, count)
        # Masked with zeros, which is lawful and costs nothing.
        return head + bytes(4) + body

    def ping(self):
        self.write(self.frame(b"", 9 if self.transport == "ws" else 1))

    def next_frame(self):
        """The first whole frame of the buffer as its type and body, or None."""
        have = len(self.buffer)
        if self.transport == "rs":
            start, count = 4, int.from_bytes(self.buffer[1:4], "big")
        else:
            count = self.buffer[1] & 0x7F if have > 1 else 0
            start = {126: 4, 127: 10}.get(count, 2)
            if have >= start > 2:
                count = int.from_bytes(self.buffer[2:start], "big")
        if have < start or have < start + count:
            return None
        kind, body = self.buffer[0], bytes(memoryview(self.buffer)[start : start + count])
        del self.buffer[: start + count]
        return kind, body

    def next_body(self):
        """The next WAMP message of the buffer as octets, or None. PING is answered, a close frame ends the peer."""
        while frame := self.next_frame():
            kind, body = frame
            if self.transport == "rs":
                if kind == 0:
                    return body
                if kind == 1:
                    self.pings += 1
                    self.write(self.frame(body, 2))
                continue
            opcode = kind & 0x0F
            if opcode == 8:
                code = int.from_bytes(body[:2], "big") if body else 1005
                raise Gone(code, self.last)
            if opcode == 9:
                self.pings += 1
                self.write(self.frame(body, 10))
            elif opcode < 8:
                self.message_parts.append(body)
                if kind & 0x80:
                    whole, self.message_parts = b"".join(self.message_parts), []
                    return whole
        return None

    # Messages.

    def send(self, *message):
        self.write(self.encode(message))

    def receive(self, timeout=WAIT_S):
        """The next message, or None if none comes in time."""
        if self.waiting:
            return self.waiting.popleft()
        deadline = now() + timeout
        while (body := self.next_body()) is None:
            if not self.take(deadline):
                return None
        message = json.loads(body) if self.serialization == "json" else msgpack.unpackb(body)
        if message[0] in (ABORT, GOODBYE):
            self.last = message[2]
        return message

    def attend(self):
        """Answers PINGs, and keeps what came for `receive`."""
        waiting, self.waiting = self.waiting, collections.deque()
        while (message := self.receive(0)) is not None:
            waiting.append(message)
        self.waiting = waiting

    def await_message(self, wanted, timeout=WAIT_S):
        """The first message for which `wanted` is true; what comes before it is kept for `receive`."""
        deadline, others = now() + timeout, []
        try:
            while (message := self.receive(max(0, deadline - now()))) is not None:
                if wanted(message):
                    return message
                others.append(message)
                if message[0] in (ABORT, GOODBYE):
                    raise Gone(last=message[2])
        finally:
            self.waiting.extendleft(reversed(others))
        raise TimeoutError(f"an awaited message did not come in {timeout} s")

    def ask(self, kind, *rest, timeout=WAIT_S):
        """Sends a request, and gives back its answer."""
        self.request += 1
        request = self.request
        self.send(kind, request, *rest)
        answers = lambda m: len(m) > 2 and (m[1] == request and m[0] != ERROR or m[0] == ERROR and m[1:3] == [kind, request])
        answer = self.await_message(lambda m: m[0] not in (EVENT, INVOCATION, INTERRUPT) and answers(m), timeout)
        if answer[0] == ERROR:
            raise Refused(answer[4])
        return answer

    # Requests.

    def join(self, user=None):
        """`user` proves itself with the ticket that the configuration of these checks gives it."""
        details = {"roles": ROLES, "agent": "frozen-peer-checks"}
        if user:
            details |= {"authid": user, "authmethods": ["ticket"]}
        self.send(HELLO, REALM, details)
        answer = self.receive()
        if answer and answer[0] == CHALLENGE:
            self.send(AUTHENTICATE, f"{user}-ticket", {})
            answer = self.receive()
        if not answer or answer[0] != WELCOME:
            raise Refused(answer[2] if answer else "no WELCOME")
        self.id, roles = answer[1], answer[2]["roles"]
        self.features = {name for role in roles.values() for name, on in role.get("features", {}).items() if on}
        return self

    def register(self, procedure, timeout=WAIT_S, **options):
        return self.ask(REGISTER, options, procedure, timeout=timeout)[2]

    def subscribe(self, topic, **options):
        return self.ask(SUBSCRIBE, options, topic)[2]

    def call(self, procedure, *args):
        """The first positional result."""
        answer = self.ask(CALL, {}, procedure, list(args))
        return answer[3][0] if len(answer) > 3 and answer[3] else None

    def start_call(self, procedure, *args):
        self.request += 1
        self.send(CALL, self.request, {}, procedure, list(args))
        return self.request

    def close(self):
        """Ends the connection without a word."""
        self.socket.close()
