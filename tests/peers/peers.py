"""What the checks of frozen peers share: raw WAMP peers, ways to freeze them, and the frame of a check.

A peer speaks WAMP over WebSocket or RawSocket without a WAMP library, and answers PING on both. It can be frozen in two
ways: its process is stopped (its kernel still acknowledges what comes, until its buffer is full), or its connection leads
through a cable that is cut (nothing is acknowledged any more, and nobody is told). A check is run against any router whose
address it is given; what is read from /proc and from metrics is left out where they are not named.
"""

import argparse
import base64
import collections
import concurrent.futures
import ctypes
import json
import multiprocessing
import os
import select
import signal
import socket
import struct
import sys
import time
import urllib.parse
import urllib.request

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
fork = multiprocessing.get_context("fork")
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


class Child:
    """A process that runs `work(control, ...)`, and can be stopped and let go on."""

    def __init__(self, work, *rest):
        self.control, theirs = fork.Pipe()
        self.process = fork.Process(target=self.run, args=(work, theirs, self.control, *rest), daemon=True)
        self.process.start()
        theirs.close()
        self.pid = self.process.pid

    @staticmethod
    def run(work, control, parents, *rest):
        parents.close()
        try:
            work(control, *rest)
        except (EOFError, BrokenPipeError, KeyboardInterrupt):
            pass

    def tell(self, word):
        self.control.send(word)

    def hear(self, timeout=WAIT_S):
        if not self.control.poll(timeout):
            raise TimeoutError(f"process {self.pid} said nothing for {timeout} s")
        return self.control.recv()

    def ask(self, word, timeout=WAIT_S):
        self.tell(word)
        return self.hear(timeout)

    def freeze(self):
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def kill(self):
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.control.close()


class Cable(Child):
    """A TCP proxy for one connection that swallows everything after `cut`, both ways, until it is mended.

    A socket filter drops each arriving segment before the kernel looks at it: nothing is acknowledged, as if the network
    were gone. Needs Linux, and no rights.
    """

    def __init__(self, router, transport):
        listener = socket.create_server(("127.0.0.1", 0))
        self.address = listener.getsockname()
        super().__init__(self.relay, listener, router.address(transport))
        listener.close()

    @staticmethod
    def relay(control, listener, address):
        near, _ = listener.accept()
        far = socket.create_connection(address)
        other, whole = {near: far, far: near}, True
        # What was read from one end and not yet taken by the other.
        held = {near: b"", far: b""}
        while True:
            readers = [end for end in other if whole and not held[end]]
            writers = [other[end] for end in other if whole and held[end]]
            readers, writers, _ = select.select([control, *readers], writers, [])
            if control in readers:
                readers.remove(control)
                whole = control.recv() == "mend"
                for end in other:
                    set_filter(end, dropping=not whole)
                control.send(whole)
                continue
            try:
                for end in readers:
                    held[end] = end.recv(1 << 16)
                    if not held[end]:
                        return
                for end in writers:
                    held[other[end]] = held[other[end]][end.send(held[other[end]], socket.MSG_DONTWAIT) :]
            except BlockingIOError:
                pass
            except OSError:
                return

    def cut(self):
        self.ask("cut")

    def mend(self):
        """Restores the connection; whether the proxy was still there."""
        try:
            return self.ask("mend")
        except (EOFError, OSError):
            return False


def set_filter(one, dropping):
    so_attach_filter, so_detach_filter, bpf_return = 26, 27, 0x06
    if not dropping:
        one.setsockopt(socket.SOL_SOCKET, so_detach_filter, 0)
        return
    program = ctypes.create_string_buffer(struct.pack("HBBI", bpf_return, 0, 0, 0))
    one.setsockopt(socket.SOL_SOCKET, so_attach_filter, struct.pack("HP", 1, ctypes.addressof(program)))


class Router:
    """What is known of the router under test, and how it was told to behave."""

    def __init__(self, options):
        url = urllib.parse.urlsplit(options.url)
        self.host, self.path, self.ws = url.netloc, url.path or "/", (url.hostname, url.port or 80)
        host, _, port = (options.rawsocket or ":0").rpartition(":")
        self.rs = (host, int(port)) if options.rawsocket else None
        self.metrics, self.pid = options.metrics, options.pid
        self.interval, self.suspect, self.timeout = options.interval, options.suspect, options.timeout
        self.stall, self.quick = options.stall, options.quick
        # Times of others are compared by this share of them, from this floor on: what a quick run sees is mostly noise.
        self.share, self.floor = (0.9, 0.1) if self.quick else (0.99, 0.005)
        self.resident_at_start = self.resident()

    def address(self, transport):
        return self.ws if transport == "ws" else self.rs

    def forms(self):
        return [form for form in FORMS if self.address(form[0])]

    def counter(self, name):
        """A counter of /metrics by name and labels; None if the router has none."""
        if not self.metrics:
            return None
        with urllib.request.urlopen(self.metrics, timeout=5) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(name + " "):
                    return float(line.rpartition(" ")[2])
        return 0.0

    def resident(self):
        """Octets of resident memory, or None."""
        if not self.pid:
            return None
        with open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Memory:
    """The most that the router's resident memory grew since its start or `rebase`, as far as it was looked at."""

    def __init__(self, router):
        self.router, self.peak, self.looked = router, 0, 0.0
        self.start = router.resident()

    def look(self):
        if self.start is not None and now() - self.looked > 0.02:
            self.looked = now()
            self.peak = max(self.peak, self.growth())

    def rebase(self):
        """Counts from the most that was seen so far: what is usual."""
        if self.start is not None:
            self.start, self.peak = self.start + self.peak, 0

    def growth(self):
        return (self.router.resident() or 0) - (self.start or 0)


class Findings:
    """What one repeat asserts, and the figures that it tells."""

    def __init__(self):
        self.faults, self.figures, self.omitted = [], [], []

    def holds(self, condition, fault):
        if not condition:
            self.faults.append(fault)

    def tell(self, figure):
        self.figures.append(figure)

    def omit(self, what):
        self.omitted.append(what)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("inf")


def compare_times(found, router, whose, before, after):
    """The times of others must stay under twice of what they were."""
    old, new = (percentile(times, router.share) for times in (before, after))
    name = f"p{router.share * 100:.0f}"
    found.holds(new <= max(2 * old, router.floor), f"{name} of {whose} {ms(new)}, {ms(old)} before")
    found.tell(f"{name} of {whose} {ms(old)} before, {ms(new)} after")


def ms(seconds):
    return f"{seconds * 1000:.1f} ms"


def mib(octets):
    return f"{octets / 2**20:+.1f} MiB"


def one_repeat(check, router, rest, number):
    """One repeat in a worker process of its own; what it started ends with it."""
    found = Findings()
    began = now()
    try:
        check(found, router, number, *rest)
    except Exception as error:
        found.holds(False, f"it broke off: {type(error).__name__}: {error}")
    for child in multiprocessing.active_children():
        child.kill()
    return found, now() - began


def run(name, description, cases, parallel=1):
    """The frame of a check. `cases(router)` gives lists of a title, its function and further arguments."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--url", default="ws://127.0.0.1:8080/ws", help="where the router takes WebSocket")
    parser.add_argument("--rawsocket", help="HOST:PORT where it takes RawSocket; left out if absent")
    parser.add_argument("--metrics", help="URL of its metrics; what they would tell is left out if absent")
    parser.add_argument("--pid", type=int, help="its process id; its memory is left out if absent")
    parser.add_argument("--repeats", type=int, help="of each case; 1 in the quick form, else 100")
    parser.add_argument("--parallel", type=int, default=parallel, help="repeats at a time")
    parser.add_argument("--only", default="", help="cases whose title contains this")
    parser.add_argument("--quick", action="store_true", help="for a router with short pings, with smaller volumes")
    for key, full, quick in [("interval", 20, 1), ("suspect", 2, 0.5), ("timeout", 10, 2), ("stall", 10, 2)]:
        parser.add_argument(f"--{key}", type=float, help=f"the router's setting, in seconds ({full}; {quick} if quick)")
        parser.set_defaults(**{f"{key}_default": (full, quick)})
    options = parser.parse_args()
    for key in ["interval", "suspect", "timeout", "stall"]:
        if getattr(options, key) is None:
            setattr(options, key, getattr(options, f"{key}_default")[options.quick])
    router = Router(options)
    repeats = options.repeats or (1 if options.quick else 100)
    passed = failed = 0
    omitted = set()
    with concurrent.futures.ProcessPoolExecutor(options.parallel, mp_context=fork) as pool:
        pending = [
            (case[0], number, pool.submit(one_repeat, case[1], router, case[2:], number))
            for case in cases(router)
            if options.only in case[0]
            for number in range(1, repeats + 1)
        ]
        for title, number, future in pending:
            found, seconds = future.result()
            passed, failed = passed + (not found.faults), failed + bool(found.faults)
            omitted |= set(found.omitted)
            told = "; ".join(found.figures + [f"NOT: {fault}" for fault in found.faults[:6]])
            outcome = "FAIL" if found.faults else "ok"
            print(f"{outcome:5}{name} {title}, {number} of {repeats} ({seconds:.1f} s): {told}", flush=True)
    for what in sorted(omitted):
        print(f"left out: {name}: {what}")
    print(f"peers: {passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed or not pending else 0)
