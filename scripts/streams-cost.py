#!/usr/bin/env python3
"""What event streams cost beside WebSocket subscribers, in one run of one router.

    python3 scripts/streams-cost.py target/release/wharf [STREAMS] [EVENTS]

Opens 1,000 event streams (GET .../events) and says by how much the router's resident memory has grown for each; publishes
events and says how much processor time the router has used until all streams have them. Then the same with as many
WebSocket subscribers. The promise: at most 24 KiB for each stream, at most twice the processor time. Exit code 1 if not.
Raw sockets on loopback only; ends what it starts.
"""

import base64
import json
import os
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
import time

CONFIG = """
[node]
workers = 2
[listeners.main]
bind = "127.0.0.1:{port}"
serve = ["websocket", "rest"]
realm = "main"
[limits]
max_per_address = 100000
max_unwelcomed = 100000
[realms.main.auth]
anonymous = {{ role = "guest", http = true }}
[realms.main.roles.guest]
publish = ["*"]
subscribe = ["*"]
"""


def memory(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))


def processor(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(stream, end):
    text = b""
    while end not in text:
        more = stream.recv(65536)
        if not more:
            raise SystemExit(f"the router has closed: {text[:500]!r}")
        text += more
    return text


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=30)


def event_stream(port):
    stream = connect(port)
    stream.sendall(b"GET /api/v1/events?topic=com.a HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
    until(stream, b"retry:")
    return stream


def frame(message):
    text = json.dumps(message).encode()
    head = bytes([0x81, 0x80 | len(text)]) if len(text) < 126 else bytes([0x81, 0xFE]) + len(text).to_bytes(2, "big")
    return head + bytes(4) + text


def websocket(port):
    stream = connect(port)
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(
        f"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: wamp.2.json\r\n\r\n".encode()
    )
    until(stream, b"\r\n\r\n")
    stream.sendall(frame([1, "main", {"roles": {"subscriber": {}}}]))
    until(stream, b"[2,")
    stream.sendall(frame([32, 1, {}, "com.a"]))
    until(stream, b"[33,")
    return stream


def publish(stream, number):
    body = json.dumps({"args": [f"mark{number};"], "kwargs": {"text": "x" * 100}}).encode()
    stream.sendall(
        b"POST /api/v1/publish/com.a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        + f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    if b" 200 " not in until(stream, b"}").split(b"\r\n", 1)[0]:
        raise SystemExit("a PUBLISH was refused")


def measure(name, pid, port, opened, count, events):
    with connect(port) as publisher:
        publish(publisher, -1)
        before = memory(pid)
        streams = [opened(port) for _ in range(count)]
        publish(publisher, -2)
        time.sleep(1)
        each = (memory(pid) - before) / count
        selector = selectors.DefaultSelector()
        for stream in streams:
            stream.setblocking(False)
            selector.register(stream, selectors.EVENT_READ, [])
        used = processor(pid)
        waiting = count
        for number in range(events):
            publish(publisher, number)
        last = f"mark{events - 1};".encode()
        until_time = time.monotonic() + 120
        while waiting and time.monotonic() < until_time:
            for key, _ in selector.select(1):
                text = key.fileobj.recv(1 << 20)
                tail = (key.data[0] if key.data else b"") + text
                key.data[:] = [tail[-32:]]
                if not text or last in tail:
                    selector.unregister(key.fileobj)
                    waiting -= 1
        used = processor(pid) - used
        for stream in streams:
            stream.close()
    if waiting:
        raise SystemExit(f"{name}: {waiting} of {count} did not get the last event")
    print(f"{name:10} {each:6.1f} KiB for each of {count}; {1e6 * used / count / events:6.2f} us for each event and subscriber")
    return each, used


def main():
    binary = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000
    events = int(sys.argv[3]) if len(sys.argv) > 3 else 200
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 4 * count + 1000), most))
    with socket.socket() as free, tempfile.TemporaryDirectory() as folder:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        with open(os.path.join(folder, "wharf.toml"), "w") as file:
            file.write(CONFIG.format(port=port))
        with open(os.path.join(folder, "log"), "wb") as log:
            router = subprocess.Popen([binary], cwd=folder, stderr=log)
        try:
            for _ in range(200):
                try:
                    connect(port).close()
                    break
                except OSError:
                    time.sleep(0.05)
            each, streams = measure("streams", router.pid, port, event_stream, count, events)
            _, sockets = measure("websocket", router.pid, port, websocket, count, events)
        finally:
            router.terminate()
            router.wait()
    ratio = streams / sockets if sockets else 0
    print(f"processor time: {ratio:.2f} times that of WebSocket subscribers")
    if each > 24 or ratio > 2:
        raise SystemExit("more than was promised: 24 KiB and twice the processor time")


if __name__ == "__main__":
    main()
