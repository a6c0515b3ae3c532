#!/usr/bin/env python3
"""What a webhook costs for each event, with and without a store, beside a router that has none, in one run.

    python3 scripts/webhook-cost.py target/release/wharf [EVENTS]

Publishes events over one WebSocket, 200 at a time acknowledged, until the endpoint (a server of this script, which answers
204 at once and keeps its connections) has all of them. For each it says the router's processor time, the events a second, and
with a store the group commits, how many events were in one, their mean time and the octets that were written; then by how
much the processor time is more than without a webhook, and with the store than without. It promises nothing: figures are for
docs/PERFORMANCE.md and belong to a release build. Loopback only; ends what it starts.
"""

import asyncio
import base64
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

CONFIG = """
[node]
dev = true
workers = 2
data_dir = "data"
[listeners.main]
bind = "127.0.0.1:{port}"
serve = ["websocket", "metrics"]
[storage]
kind = "{storage}"
[realms.main.auth]
anonymous = {{ role = "guest" }}
[realms.main.roles.guest]
publish = ["*"]
subscribe = ["*"]
"""

WEBHOOK = """
[webhooks.out.cost]
realm = "main"
role = "guest"
topics = ["com.a"]
url = "http://127.0.0.1:{endpoint}/"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
allow_addresses = ["127.0.0.1"]
queue_max = 1000000
concurrency = 64
"""

BURST = 200
PATIENCE_S = 300


class Endpoint(threading.Thread):
    """Answers 204 to whatever is posted, and counts."""

    def __init__(self):
        super().__init__(daemon=True)
        self.count = 0
        self.ready = threading.Event()

    def run(self):
        asyncio.run(self.serve())

    async def serve(self):
        server = await asyncio.start_server(self.answer, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.ready.set()
        await server.serve_forever()

    async def answer(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
                await reader.readexactly(length)
                self.count += 1
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def processor(pid):
    """Seconds of all its threads, to the nanosecond: ticks are too coarse for a few thousand events."""
    used = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as figures:
            used += int(figures.read().split()[0])
    return used / 1e9


def octets_written(pid):
    with open(f"/proc/{pid}/io") as figures:
        return next(int(line.split()[1]) for line in figures if line.startswith("write_bytes:"))


def metric(port, name):
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30).read().decode()
    return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name + " ")), 0.0)


def frame(message):
    text = json.dumps(message).encode()
    head = bytes([0x81, 0x80 | len(text)]) if len(text) < 126 else bytes([0x81, 0xFE]) + len(text).to_bytes(2, "big")
    return head + bytes(4) + text


def until(stream, end):
    text = b""
    while end not in text:
        more = stream.recv(65536)
        if not more:
            raise SystemExit(f"the router has closed: {text[:500]!r}")
        text += more
    return text


def session(port):
    stream = socket.create_connection(("127.0.0.1", port), timeout=30)
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(
        f"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n".encode()
    )
    until(stream, b"\r\n\r\n")
    stream.sendall(frame([1, "main", {"roles": {"publisher": {}}}]))
    until(stream, b"[2,")
    return stream


def publish(stream, first, count):
    """So many events, all of them acknowledged at the end."""
    events = [
        frame([16, first + number, {"acknowledge": True}, "com.a", [first + number], {"text": "x" * 100}])
        for number in range(count)
    ]
    stream.sendall(b"".join(events))
    until(stream, b"[17,%d," % (first + count - 1))


def measure(binary, endpoint, name, storage, webhook, events):
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        text = CONFIG.format(port=port, storage=storage) + (WEBHOOK.format(endpoint=endpoint.port) if webhook else "")
        with open(os.path.join(folder, "wharf.toml"), "w") as file:
            file.write(text)
        own = {key: value for key, value in os.environ.items() if not key.startswith("WHARF")}
        router = subprocess.Popen([binary], cwd=folder, env=own, stderr=subprocess.PIPE, text=True)
        try:
            while "wharf is running" not in (line := router.stderr.readline()):
                if not line:
                    raise SystemExit("the router did not start")
            threading.Thread(target=router.stderr.read, daemon=True).start()
            return run(router.pid, port, endpoint, name, webhook, events)
        finally:
            router.terminate()
            router.wait(30)


def run(pid, port, endpoint, name, webhook, events):
    stream, end = session(port), time.monotonic() + PATIENCE_S
    # The subscription may come a moment after the router has started.
    already, number = endpoint.count, 1
    while webhook and endpoint.count == already and time.monotonic() < end:
        publish(stream, number, 1)
        number += 1
        time.sleep(0.1)
    while metric(port, 'wharf_webhook_queue{name="cost"}') > 0 and time.monotonic() < end:
        time.sleep(0.05)
    names = ["wharf_store_commit_seconds_count", "wharf_store_commit_seconds_sum"]
    before, commits = endpoint.count, [metric(port, one) for one in names]
    used, began, wrote = processor(pid), time.monotonic(), octets_written(pid)
    for first in range(number, number + events, BURST):
        publish(stream, first, min(BURST, number + events - first))
    while webhook and endpoint.count < before + events:
        if time.monotonic() > end:
            raise SystemExit(f"{name}: {endpoint.count - before} of {events} events have arrived")
        time.sleep(0.005)
    took = time.monotonic() - began
    # What is left to be written down, and its processor time, belong to it.
    while metric(port, 'wharf_webhook_queue{name="cost"}') > 0 and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(0.2)
    used, wrote = processor(pid) - used, octets_written(pid) - wrote
    count, seconds = (metric(port, one) - then for one, then in zip(names, commits))
    print(f"{name:22} {1e6 * used / events:8.1f} us of processor time an event, {events / took:8.0f} events a second")
    if count:
        print(
            f"{'':22} {count:.0f} group commits of {events / count:.1f} events, {1e3 * seconds / count:.2f} ms each, "
            f"{wrote / events:.0f} octets written an event"
        )
    stream.close()
    return used / events


def main():
    binary = os.path.abspath(sys.argv[1])
    events = int(sys.argv[2]) if len(sys.argv) > 2 else 20000
    endpoint = Endpoint()
    endpoint.start()
    endpoint.ready.wait()
    none = measure(binary, endpoint, "no webhook", "memory", False, events)
    memory = measure(binary, endpoint, "webhook, no store", "memory", True, events)
    store = measure(binary, endpoint, "webhook, store", "redb", True, events)
    print(f"a webhook costs {1e6 * (memory - none):.1f} us an event, the store {1e6 * (store - memory):.1f} us more")


if __name__ == "__main__":
    main()
