#!/usr/bin/env python3
"""The command line client against Crossbar.io as the router. On demand.

    scripts/crossbar-cli.py [--wharf BINARY] [--crossbar BINARY] [--port PORT]

Without --crossbar, crossbar is installed from PyPI into a folder of its own below the target folder. The router listens on
127.0.0.1:PORT (WebSocket) and PORT + 1 (RawSocket), for as long as this runs. The last line is "crossbar: N passed, N failed".
"""

import argparse
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
PATIENCE = 60


def installed():
    """Crossbar in an environment of its own."""
    venv = TARGET / "interop" / "crossbar"
    if not (venv / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "-q", "crossbar"], check=True)
        (venv / "complete").touch()
    return venv / "bin" / "crossbar"


def configuration(port):
    """One realm: anonymous, tickets, WAMP-CRA and cryptosign (the key of 32 octets of 4)."""
    rules = [{"uri": "", "match": "prefix", "allow": dict.fromkeys(["call", "register", "publish", "subscribe"], True)}]
    shut = {"uri": "secret.", "match": "prefix", "allow": dict.fromkeys(["call", "register", "publish", "subscribe"], False)}
    auth = {
        "anonymous": {"type": "static", "role": "guest"},
        "ticket": {"type": "static", "principals": {"tina": {"ticket": "s3cret-of-all", "role": "guest"}}},
        "wampcra": {"type": "static", "users": {"carl": {"secret": "s3cret-of-all", "role": "guest"}}},
        "cryptosign": {"type": "static", "principals": {"kim": {
            "role": "guest", "authorized_keys": ["ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c"]}}},
    }
    serializers = ["json", "msgpack", "cbor"]
    raw = {"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": port + 1},
           "serializers": serializers, "auth": auth}
    web = {"type": "websocket", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": port}, "url": f"ws://127.0.0.1:{port}/ws",
           "serializers": serializers, "auth": auth}
    return {"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [
        {"name": "guest", "permissions": rules + [shut]}]}], "transports": [web, raw]}]}


class Checks:
    """Runs the client, and counts."""

    def __init__(self, wharf, url, home):
        self.wharf, self.passed, self.failed, self.left = wharf, 0, 0, []
        self.environment = {"WHARF_URL": url, "HOME": str(home), "PATH": os.environ["PATH"],
                            "SECRET": "s3cret-of-all", "KEY": "04" * 32}

    def run(self, *arguments, **options):
        return subprocess.run([self.wharf, *arguments], env=self.environment, capture_output=True, text=True, timeout=PATIENCE, **options)

    def check(self, name, arguments, expected, code=0, **options):
        """`expected`: the text on standard output, or what looks at it."""
        ended = self.run(*arguments, **options)
        try:
            right = expected(ended.stdout) if callable(expected) else ended.stdout == expected
        except ValueError:
            right = False
        self.count(name, right and ended.returncode == code, f"code {ended.returncode}, {ended.stdout!r}, {ended.stderr!r}")

    def count(self, name, right, told):
        print(f"{'ok  ' if right else 'FAIL'}  {name}{'' if right else ': ' + told}")
        self.passed += right
        self.failed += not right

    def background(self, *arguments):
        """Starts a client, and waits for its first line on standard error."""
        child = subprocess.Popen([self.wharf, *arguments], env=self.environment, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.left.append(child)
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in child.stderr], daemon=True).start()
        line = lines.get(timeout=PATIENCE).strip()
        self.count(" ".join(arguments), line.startswith(("registered ", "subscribed ")), line)
        return child


def rounds(checks, port):
    web, raw = f"ws://127.0.0.1:{port}/ws", f"rs://127.0.0.1:{port + 1}"
    checks.background("register", "com.example.echo", "--echo")
    checks.background("register", "com.example.version", "--reply", '"1.0"')
    checks.background("register", "com.example.input", "--exec", "cat")
    checks.background("register", "com.example.fails", "--exec", "echo sold out >&2; exit 1")
    checks.background("register", "com.example.slow", "--echo", "--sleep", "1h")
    for url in (web, raw):
        for serializer in ("json", "msgpack", "cbor"):
            flags = ["--url", url, "--serializer", serializer]
            checks.check(f"call {url[:2]} {serializer}", ["call", "com.example.echo", '[1,-1,1.5,"ü",null]', "hex:00ff", "-k", "a:=1", *flags],
                         '{"args":[[1,-1,1.5,"ü",null],"\\u0000AP8="],"kwargs":{"a":1}}\n')
    checks.check("fixed reply", ["call", "com.example.version", "-o", "raw"], "1.0\n")
    checks.check("command", ["call", "com.example.input", "1"], lambda out: json.loads(out)["args"] == [1])
    checks.check("command that fails", ["call", "com.example.fails"], "", 6)
    checks.check("timeout", ["call", "com.example.slow", "--timeout", "300ms"], "", 7)
    checks.check("many calls", ["call", "com.example.echo", "x", "-o", "raw", "--repeat", "200", "--concurrency", "20"], "x\n" * 200)
    checks.check("no such procedure", ["call", "com.example.nothing"], "", 6)
    checks.check("not authorized: call", ["call", "secret.a"], "", 5)
    checks.check("not authorized: publish", ["publish", "secret.a"], "", 5)
    checks.check("no such realm", ["call", "com.example.echo", "--realm", "com.example.none"], "", 6)
    subscriber = checks.background("subscribe", "com.example.news", "--count", "2")
    pattern = checks.background("subscribe", "com.example.n", "--match", "prefix", "--count", "1", "-o", "raw")
    checks.check("publish", ["publish", "com.example.news", "hello", "-k", "a:=1"], "")
    checks.check("publish lines", ["publish", "com.example.news", "--lines", "--string"], "", input="7\n")
    out, _ = subscriber.communicate(timeout=PATIENCE)
    expected = [{"topic": "com.example.news", "args": ["hello"], "kwargs": {"a": 1}}, {"topic": "com.example.news", "args": ["7"], "kwargs": {}}]
    checks.count("events", [json.loads(line) for line in out.splitlines()] == expected, out)
    out, _ = pattern.communicate(timeout=PATIENCE)
    checks.count("events of a pattern", out == '{"args":["hello"],"kwargs":{"a":1}}\n', out)
    who = ["session", "ls", "-o", "json", "--filter"]
    for authid, flags in (
        ("tina", ["--ticket", "env:SECRET"]),
        ("carl", ["--secret", "env:SECRET", "--authmethod", "wampcra"]),
        ("kim", ["--private-key", "env:KEY"]),
    ):
        checks.check(f"login {authid}", [*who, f"authid={authid}", "--authid", authid, *flags], lambda out: len(json.loads(out)) == 1)
    checks.check("wrong ticket", ["call", "com.example.echo", "--authid", "tina", "--ticket", "wrong"], "", 4)
    checks.check("procedure ls", ["procedure", "ls"], lambda out: any(row["uri"] == "com.example.echo" for row in json.loads(out)))
    checks.check("procedure info", ["procedure", "info", "com.example.echo"], lambda out: len(json.loads(out)["callees"]) == 1)
    checks.check("topic ls", ["topic", "ls"], lambda out: isinstance(json.loads(out), list))
    checks.check("bench rpc", ["bench", "rpc", "--clients", "4", "--duration", "1s"], lambda out: json.loads(out)["lost"] == 0)
    checks.check("bench pubsub", ["bench", "pubsub", "--clients", "4", "--rate", "100", "--duration", "1s"], lambda out: json.loads(out)["lost"] == 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wharf", default=TARGET / "release" / "wharf", type=pathlib.Path)
    parser.add_argument("--crossbar", type=pathlib.Path)
    parser.add_argument("--port", default=21100, type=int)
    options = parser.parse_args()
    crossbar = options.crossbar or installed()
    with tempfile.TemporaryDirectory() as folder:
        node = pathlib.Path(folder) / ".crossbar"
        node.mkdir()
        (node / "config.json").write_text(json.dumps(configuration(options.port)))
        with open(node / "log", "wb") as log:
            router = subprocess.Popen([crossbar, "start", "--cbdir", node], stdout=log, stderr=log, start_new_session=True)
        checks = Checks(options.wharf.resolve(), f"ws://127.0.0.1:{options.port}/ws", folder)
        try:
            end = time.monotonic() + 2 * PATIENCE
            for port in (options.port, options.port + 1):
                while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
                    if router.poll() is not None or time.monotonic() > end:
                        sys.exit("crossbar did not start:\n" + (node / "log").read_text(errors="replace")[-4000:])
                    time.sleep(0.2)
            rounds(checks, options.port)
        finally:
            for child in checks.left:
                child.kill()
                child.wait()
            os.killpg(router.pid, signal.SIGTERM)
            try:
                router.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(router.pid, signal.SIGKILL)
                router.wait()
    print(f"crossbar: {checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
