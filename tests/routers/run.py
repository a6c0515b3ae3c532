#!/usr/bin/env python3
"""The command line client against one router: what each command prints, and its exit code, as commands.golden has it.

    tests/routers/run.py --wharf BINARY (--router wharf | --router crossbar=BINARY | --router nexus=BINARY) [--bless]

The same commands, and the same golden file, for every router: a script that uses the client does not see which router answers.
Beside a command, the file has what goes to standard output, the first line of standard error behind "! ", and the exit code if it
is not 0. A line "-- NAME" begins a part; PARTS says which router is asked for which. What is known to be different with a router
stands in a part of its own, "-- NAME (ROUTER): WHY". --bless, with wharf, writes the file anew and leaves these as they are.
Starts the router on free ports of 127.0.0.1, and ends it by its process id. The last line is "routers: N passed, N failed".
"""

import argparse
import json
import os
import pathlib
import queue
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

GOLDEN = pathlib.Path(__file__).resolve().parent / "commands.golden"
PATIENCE = 60
ROUTERS = ("wharf", "crossbar", "nexus")

# Nexus has no users of its own, and its meta API has no counts.
PARTS = {"round trip": ROUTERS, "serializers": ROUTERS, "failures": ROUTERS, "events": ROUTERS, "load": ROUTERS,
         "logins": ("wharf", "crossbar"), "meta": ("wharf", "crossbar")}

ECHO = "com.example.echo"
VALUES = ['[1,-1,1.5,"ü",null]', "hex:00ff", "-k", "a:=1"]
WHO = ["-o", "template", "--template", "{{authid}} {{authrole}} {{authmethod}}"]
LOST = ["-o", "template", "--template", "{{errors}} errors, {{lost}} lost"]


def steps(part):
    """The commands of a part: words, and what goes to standard input."""
    call = lambda *words: (["call", *words], None)
    if part == "round trip":
        yield call(ECHO, "hello")
        yield call(ECHO)
        yield call(ECHO, *VALUES)
        yield call(ECHO, "hello", "-o", "raw")
        yield call(ECHO, "5", "-o", "json")
        yield call(ECHO, "Ann", "-k", "n:=7", "-o", "template", "--template", "{{args.0}} {{kwargs.n}}")
        yield call("com.example.version", "-o", "raw")
        yield call("com.example.input", "1", "-o", "template", "--template", "{{args.0.args.0}} {{args.0.kwargs}}")
        yield call(ECHO, "x", "-o", "raw", "--repeat", "20", "--concurrency", "5")
        yield ["publish", "com.example.nobody", "x"], None
        yield ["check", "call", ECHO, "--format", "prometheus", "--warn", "30s", "--crit", "50s"], None
    elif part == "serializers":
        for scheme in ("WEB", "RAW"):
            for serializer in ("json", "msgpack", "cbor"):
                yield call(ECHO, *VALUES, "--serializer", serializer, "--url", scheme)
    elif part == "failures":
        yield call("com.example.nothing")
        yield call("com.example.fails")
        yield call("com.example.fails", "-o", "json")
        yield call("com.example.slow", "--timeout", "300ms")
        yield call("secret.a")
        yield ["publish", "secret.a"], None
        yield ["subscribe", "secret.a"], None
        yield ["register", "secret.a", "--echo"], None
        yield ["register", ECHO, "--echo"], None
        yield call(ECHO, "--realm", "com.example.none")
        yield call(ECHO, "--url", "rs://127.0.0.1:1")
        yield call(ECHO, "--json", "x")
    elif part == "logins":
        for authid, flags in (
            ("tina", ["--ticket", "env:SECRET"]),
            ("carl", ["--secret", "env:SECRET", "--authmethod", "wampcra"]),
            ("kim", ["--private-key", "env:KEY"]),
        ):
            yield ["session", "ls", "--filter", f"authid={authid}", "--authid", authid, *flags, *WHO], None
        yield call(ECHO, "--authid", "tina", "--ticket", "env:WRONG")
    elif part == "meta":
        shown = ["-o", "template", "--template", "{{uri}} {{match}} {{invoke}} {{callees}}"]
        yield ["procedure", "ls", "--filter", f"uri={ECHO}", *shown], None
        yield ["procedure", "info", ECHO, "-o", "template", "--template", "{{uri}} {{match}} {{invoke}}"], None
        yield ["topic", "ls", "--filter", "uri=com.example.watched", "-o", "template", "--template", "{{uri}} {{match}} {{subscribers}}"], None
        yield ["topic", "info", "com.example.none"], None
        yield ["session", "info", "1"], None
        yield ["session", "kill", "1"], None
    elif part == "load":
        yield ["bench", "rpc", "--clients", "4", "--duration", "500ms", *LOST], None
        yield ["bench", "pubsub", "--clients", "4", "--rate", "100", "--duration", "500ms", *LOST], None


CALLEES = [["register", ECHO, "--echo"], ["register", "com.example.version", "--reply", '"1.0"'],
           ["register", "com.example.input", "--exec", "cat"],
           ["register", "com.example.fails", "--exec", "echo sold out >&2; exit 1"],
           ["register", "com.example.slow", "--echo", "--sleep", "1h"], ["subscribe", "com.example.watched"]]


class Client:
    """Runs the client's commands, and writes down what they do."""

    def __init__(self, wharf, ports, home):
        self.wharf, self.left, self.parts = wharf, [], {}
        self.urls = {"WEB": f"ws://127.0.0.1:{ports[0]}/ws", "RAW": f"rs://127.0.0.1:{ports[1]}"}
        self.environment = {"WHARF_URL": self.urls["WEB"], "HOME": str(home), "PATH": os.environ["PATH"],
                            "SECRET": "s3cret-of-all", "WRONG": "another", "KEY": "04" * 32}

    def run(self, words, text):
        ended = subprocess.run([self.wharf, *(self.urls.get(word, word) for word in words)], env=self.environment,
                               input=text or "", capture_output=True, text=True, timeout=PATIENCE)
        return self.told(words, ended.returncode, ended.stdout, ended.stderr)

    def told(self, words, code, out, err):
        lines = [f"$ wharf {shlex.join(words)}", *self.stable(out).splitlines()]
        lines += [f"! {line}" for line in self.stable(err).splitlines()[:1]]
        return lines + ([f"# exit code {code}"] if code else [])

    def stable(self, text):
        """Without what differs from run to run."""
        lines = [line for line in text.splitlines() if not line.startswith("wharf_check_seconds ")]
        return "\n".join(lines)

    def background(self, words):
        """Starts a command, and waits for its first line on standard error."""
        child = subprocess.Popen([self.wharf, *words], env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.left.append(child)
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(line) for line in child.stderr], daemon=True).start()
        return child, lines.get(timeout=PATIENCE).strip()

    def events(self):
        """Publishers and subscribers, side by side."""
        begun = [self.background(words) + (words,) for words in (
            ["subscribe", "com.example.news", "--count", "2"],
            ["subscribe", "com.example.n", "--match", "prefix", "--count", "1", "-o", "raw"],
            ["subscribe", "com..news", "--match", "wildcard", "--count", "1", "-o", "template", "--template", "{{topic}} {{args.0}}"],
            ["subscribe", "com.example.news", "--count", "2", "--exec", "cat", "-o", "template", "--template", "{{args}}"])]
        yield self.run(["publish", "com.example.news", "hello", "-k", "a:=1"], None)
        yield self.run(["publish", "com.example.news", "--lines", "--string"], "7\n")
        for child, line, words in begun:
            out = child.stdout.read()
            yield self.told(words, child.wait(timeout=PATIENCE), out, line)

    def transcript(self, router):
        lines = []
        for words in CALLEES:
            _, line = self.background(words)
            lines.append(f"& wharf {shlex.join(words)}\n! {line}")
        self.parts["callees"] = lines
        for part, routers in PARTS.items():
            if router in routers:
                all_of = self.events() if part == "events" else (self.run(*step) for step in steps(part))
                self.parts[part] = ["\n".join(told) for told in all_of]

    def close(self):
        for child in self.left:
            child.kill()
            child.wait()


def crossbar(port, raw):
    """One realm: anonymous, tickets, WAMP-CRA and cryptosign (the key of 32 octets of 4)."""
    allowed = dict.fromkeys(["call", "register", "publish", "subscribe"], True)
    rules = [{"uri": "", "match": "prefix", "allow": allowed},
             {"uri": "secret.", "match": "prefix", "allow": dict.fromkeys(allowed, False)}]
    auth = {
        "anonymous": {"type": "static", "role": "guest"},
        "ticket": {"type": "static", "principals": {"tina": {"ticket": "s3cret-of-all", "role": "guest"}}},
        "wampcra": {"type": "static", "users": {"carl": {"secret": "s3cret-of-all", "role": "guest"}}},
        "cryptosign": {"type": "static", "principals": {"kim": {"role": "guest", "authorized_keys": [PUBLIC]}}},
    }
    more = {"serializers": ["json", "msgpack", "cbor"], "auth": auth}
    at = lambda port: {"type": "tcp", "interface": "127.0.0.1", "port": port}
    return json.dumps({"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [
        {"name": "guest", "permissions": rules}]}], "transports": [
            {"type": "websocket", "endpoint": at(port), "url": f"ws://127.0.0.1:{port}/ws", **more},
            {"type": "rawsocket", "endpoint": at(raw), **more}]}]})


PUBLIC = "ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c"

WHARF = """
[listeners.web]
bind = "127.0.0.1:%d"
serve = ["websocket"]
[listeners.raw]
bind = "127.0.0.1:%d"
serve = ["rawsocket"]
[realms.realm1.auth]
anonymous = { role = "guest" }
[realms.realm1.auth.ticket.users.tina]
ticket = { file = "secret" }
role = "guest"
[realms.realm1.auth.wampcra.users.carl]
secret = { file = "secret" }
role = "guest"
[realms.realm1.auth.cryptosign.users.kim]
keys = ["%s"]
role = "guest"
[realms.realm1.roles.guest]
call = ["*", "wamp.*"]
register = ["*"]
publish = ["*"]
subscribe = ["*"]
allow_match_all = true
allow_pattern_register = true
deny = ["secret.*"]
"""


def started(router, binary, wharf, ports, folder):
    """Starts the router; gives its process."""
    web, raw = ports
    if router == "crossbar":
        (folder / ".crossbar").mkdir()
        (folder / ".crossbar" / "config.json").write_text(crossbar(web, raw))
        words = [binary, "start", "--cbdir", folder / ".crossbar"]
    elif router == "nexus":
        words = [binary, f"127.0.0.1:{web}", f"127.0.0.1:{raw}"]
    else:
        secret = folder / "secret"
        secret.touch(mode=0o600)
        secret.write_text("s3cret-of-all\n")
        (folder / "wharf.toml").write_text(WHARF % (web, raw, PUBLIC))
        words = [wharf, "serve"]
    with open(folder / "log", "wb") as log:
        child = subprocess.Popen(words, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True)
    end = time.monotonic() + 2 * PATIENCE
    for port in ports:
        while socket.socket().connect_ex(("127.0.0.1", port)) != 0:
            if child.poll() is not None or time.monotonic() > end:
                ended(child)
                sys.exit(f"{router} did not start:\n" + (folder / "log").read_text(errors="replace")[-4000:])
            time.sleep(0.1)
    return child


def ended(child):
    """Ends a router with all that it has started."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGTERM)
    try:
        child.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def free_ports():
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def golden():
    """The heads of the parts to their commands, each with what it prints."""
    parts, part = {}, None
    for line in GOLDEN.read_text().splitlines():
        if line.startswith("-- "):
            part = parts.setdefault(line[3:], [])
        elif line.startswith(("$ ", "& ")):
            part.append(line)
        elif part:
            part[-1] += "\n" + line
    return parts


def compared(router, told, expected):
    passed = failed = 0
    for part, commands in told.items():
        known = expected.get(part, [])
        for head, different in expected.items():
            if head.startswith(f"{part} ({router}): "):
                by_command = {block.splitlines()[0]: block for block in different}
                known = [by_command.get(block.splitlines()[0], block) for block in known]
        for number in range(max(len(commands), len(known))):
            got = commands[number] if number < len(commands) else "(nothing)"
            want = known[number] if number < len(known) else "(nothing)"
            if got == want:
                passed += 1
            else:
                failed += 1
                print(f"FAIL {router}, {part}: expected\n{want}\ngot\n{got}\n")
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wharf", required=True, type=pathlib.Path)
    parser.add_argument("--router", required=True)
    parser.add_argument("--bless", action="store_true")
    options = parser.parse_args()
    router, _, binary = options.router.partition("=")
    if router not in ROUTERS or (options.bless and router != "wharf"):
        parser.error(f"expected one of {', '.join(ROUTERS)}; --bless is for wharf")
    wharf = options.wharf.resolve()
    with tempfile.TemporaryDirectory() as folder:
        ports = free_ports()
        process = started(router, binary, wharf, ports, pathlib.Path(folder))
        client = Client(wharf, ports, folder)
        try:
            client.transcript(router)
        finally:
            client.close()
            ended(process)
    if options.bless:
        known = {head: blocks for head, blocks in golden().items() if "): " in head}
        written = {**client.parts, **known}
        GOLDEN.write_text("\n".join(f"-- {part}\n" + "\n".join(commands) for part, commands in written.items()) + "\n")
    passed, failed = compared(router, client.parts, golden())
    print(f"routers: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
