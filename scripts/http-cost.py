#!/usr/bin/env python3
"""The server's processor time of a call over HTTP with keep-alive beside that of a call over WebSocket.

    scripts/http-cost.py BINARY [--connections N] [--seconds S] [--workers N] [--ratio-max R] [--basic]

Starts BINARY with a configuration of its own on free ports of loopback, has a callee (a process of its own) answer one
procedure, and calls it by N connections with one call under way on each: first over WebSocket, then over HTTP, each after
a second of warming up. Reads utime and stime of the router from /proc, so the load's own cost does not count. Prints both
costs and their ratio, and fails where the ratio is above --ratio-max. --basic adds calls with a ticket.
Figures mean something for a release build on a machine that does nothing else.
"""

import argparse
import base64
import json
import multiprocessing
import os
import selectors
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROCEDURE = "com.example.echo"
TICKET = "a ticket for the measurement"

CONFIG = """
[node]
workers = {workers}
[listeners.main]
bind = "127.0.0.1:{http}"
serve = ["websocket", "rest"]
realm = "main"
[listeners.raw]
bind = "127.0.0.1:{raw}"
serve = ["rawsocket"]
[realms.main]
uri = "com.example.main"
[realms.main.auth]
anonymous = {{ role = "guest", http = true }}
[realms.main.auth.ticket.users.ann]
ticket = {{ file = "ticket" }}
role = "guest"
[realms.main.roles.guest]
call = ["*"]
register = ["*"]
"""


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def callee(port, ready):
    """Answers every INVOCATION with no arguments; many at once where many have come."""
    peer = socket.create_connection(("127.0.0.1", port))
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall(b"\x7f\xf1\0\0")
    buffer = b""

    def framed(message):
        text = json.dumps(message, separators=(",", ":")).encode()
        return struct.pack(">I", len(text)) + text

    while len(buffer) < 4:
        buffer += peer.recv(4)
    buffer = buffer[4:]
    peer.sendall(framed([1, "com.example.main", {"roles": {"callee": {}}}]))
    while True:
        octets = peer.recv(1 << 18)
        if not octets:
            return
        buffer += octets
        answers, at = [], 0
        while at + 4 <= len(buffer):
            (length,) = struct.unpack_from(">I", buffer, at)
            if at + 4 + length > len(buffer):
                break
            message = json.loads(buffer[at + 4 : at + 4 + length])
            at += 4 + length
            if message[0] == 2:
                answers.append(framed([64, 1, {}, PROCEDURE]))
            elif message[0] == 65:
                ready.set()
            elif message[0] == 68:
                answers.append(framed([70, message[1], {}, message[4]]))
        buffer = buffer[at:]
        if answers:
            peer.sendall(b"".join(answers))


class HttpCaller:
    """One connection; the same request again and again."""

    def __init__(self, port, headers):
        self.socket = socket.create_connection(("127.0.0.1", port))
        body = b'{"args":[1,"two"]}'
        head = f"POST /api/v1/call/{PROCEDURE} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers) + f"Content-Length: {len(body)}\r\n\r\n"
        self.request = head.encode() + body
        self.buffer = b""

    def send(self):
        self.socket.sendall(self.request)

    def received(self):
        """Whether the answer is complete."""
        octets = self.socket.recv(1 << 16)
        if not octets:
            sys.exit("the router has closed a connection")
        self.buffer += octets
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return False
        if not head.startswith(b"HTTP/1.1 200"):
            sys.exit(f"unexpected answer: {self.buffer[:400]!r}")
        name = head.lower().index(b"content-length:") + 15
        length = int(head[name:].split(b"\r\n", 1)[0])
        if len(body) < length:
            return False
        self.buffer = body[length:]
        return True


class WebSocketCaller:
    """One session in JSON; frames are masked with zeros."""

    def __init__(self, port, _headers):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Protocol: wamp.2.json\r\n\r\n"
        )
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(1 << 16)
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            sys.exit(f"no WebSocket: {head!r}")
        self.number = 0
        self.write([1, "com.example.main", {"roles": {"caller": {}}}])
        while not self.received():
            pass

    def write(self, message):
        text = json.dumps(message, separators=(",", ":")).encode()
        length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + struct.pack(">H", len(text))
        self.socket.sendall(b"\x81" + length + b"\0\0\0\0" + text)

    def send(self):
        self.number += 1
        self.write([48, self.number, {}, PROCEDURE, [1, "two"]])

    def received(self):
        octets = self.socket.recv(1 << 16)
        if not octets:
            sys.exit("the router has closed a connection")
        self.buffer += octets
        if len(self.buffer) < 2:
            return False
        length, at = self.buffer[1], 2
        if length == 126:
            if len(self.buffer) < 4:
                return False
            (length,), at = struct.unpack_from(">H", self.buffer, 2), 4
        if len(self.buffer) < at + length:
            return False
        text, self.buffer = self.buffer[at : at + length], self.buffer[at + length :]
        if not (text.startswith(b"[2,") or text.startswith(b"[50,")):
            sys.exit(f"unexpected message: {text!r}")
        return True


def cpu_seconds(process):
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(process, callers, seconds):
    """Calls each second, and microseconds of the router for each."""
    selector = selectors.DefaultSelector()
    for caller in callers:
        selector.register(caller.socket, selectors.EVENT_READ, caller)
        caller.send()
    calls, begun, cpu = 0, None, 0.0
    until_warm = time.monotonic() + 1
    while True:
        for key, _ in selector.select(10):
            if key.data.received():
                calls += 1
                key.data.send()
        now = time.monotonic()
        if begun is None and now >= until_warm:
            calls, begun, cpu = 0, now, cpu_seconds(process)
        elif begun is not None and now - begun >= seconds:
            spent = cpu_seconds(process) - cpu
            for caller in callers:
                caller.socket.close()
            return calls / (now - begun), spent * 1e6 / max(calls, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ratio-max", type=float, default=3.0)
    parser.add_argument("--basic", action="store_true")
    args = parser.parse_args()
    http, raw = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "wharf.toml").write_text(CONFIG.format(workers=args.workers, http=http, raw=raw))
        Path(folder, "ticket").write_text(TICKET)
        environment = {"WHARF_LOG": "warn"}
        router = subprocess.Popen([os.path.abspath(args.binary)], cwd=folder, env=environment)
        ready = multiprocessing.Event()
        server = None
        try:
            wait_for(raw, router)
            server = multiprocessing.Process(target=callee, args=(raw, ready), daemon=True)
            server.start()
            if not ready.wait(10):
                sys.exit("the callee has not registered")
            basic = base64.b64encode(f"ann:{TICKET}".encode()).decode()
            kinds = [("WebSocket", WebSocketCaller, []), ("HTTP", HttpCaller, [])]
            if args.basic:
                kinds.append(("HTTP, Basic", HttpCaller, [("Authorization", f"Basic {basic}")]))
            costs = {}
            for name, kind, headers in kinds:
                callers = [kind(http, headers) for _ in range(args.connections)]
                rate, costs[name] = measure(router.pid, callers, args.seconds)
                print(f"{name:<12} {rate:9.0f} calls/s {costs[name]:9.1f} us of the router for each", flush=True)
        finally:
            router.send_signal(signal.SIGTERM)
            if server is not None:
                server.terminate()
            try:
                router.wait(20)
            except subprocess.TimeoutExpired:
                router.kill()
    ratio = costs["HTTP"] / max(costs["WebSocket"], 0.001)
    print(f"ratio {ratio:.2f}, at most {args.ratio_max:.2f} is wanted")
    sys.exit(ratio > args.ratio_max)


def wait_for(port, router):
    until = time.monotonic() + 20
    while time.monotonic() < until and router.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            time.sleep(0.05)
    sys.exit("the router has not started")


if __name__ == "__main__":
    main()
