"""Sends the same requests to the HTTP bridge of Crossbar and to Wharf's profile for its clients, and compares the answers.

    crossbar-bridge.py WHARF DATA      WHARF is the router's binary, DATA tests/rest/data/http_bridge.json
    crossbar-bridge.py callee URL      the callees of both, called by the first form

Each answer is compared by status, body (octet by octet, ids of publications apart) and the headers that the bridge sets. What
differs must be what DECLARED says, no more and no less: X1 to X10 of docs/HTTP_MAPPED.md. Needs the Python of an environment with
Crossbar in it; scripts/crossbar-bridge.sh makes one. Ends with one line: "crossbar bridge: N alike, N declared, N failed".
"""

import asyncio
import base64
import contextlib
import datetime
import hashlib
import hmac
import http.client
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

SECRET = "s3cr3t"
PATIENCE_S = 90
HEADERS = ["allow", "cache-control", "content-type", "access-control-allow-origin", "access-control-allow-methods"]
CORS = {"access-control-allow-origin"}

# What differs in a case, beyond the origin's header that Crossbar sends with every answer (X5): the difference, and by what.
DECLARED = {
    "publish, malformed topic": ("X1", {"status", "body"}),
    "call, malformed procedure": ("X1", {"status", "body"}),
    "signed twice": ("X2", {"status", "body"}),
    "signature without padding": ("X3", {"status", "body"}),
    "a page of another origin": ("X5", {"status", "body"}),
    "options of a call": ("X6", {"body"}),
    "GET": ("X7", {"allow"}),
    "github, newer signature": ("X9", {"status", "body"}),
    "two minutes old": ("X10", {"status", "body"}),
    # The text of a refusal is each router's own: the reference leaves it open.
    "call, not authorized": ("-", {"body"}),
}

SERVICES = {
    "publisher": "publish", "caller": "call", "caller (signed)": "signed", "caller (role without the permission)": "deaf_call",
    "publisher (role without the permission)": "deaf_publish", "webhook": "hook", "github": "github",
}


def sections():
    """Of both: name, kind, role and options as Crossbar calls them."""
    signed = {"key": "myapp1", "secret": SECRET}
    return [
        ("publish", "publisher", "guest", {}), ("call", "caller", "guest", {}), ("signed", "caller", "guest", signed),
        ("deaf_call", "caller", "deaf", {}), ("deaf_publish", "publisher", "deaf", {}),
        ("hook", "webhook", "guest", {"topic": "com.test.hook"}),
        ("github", "webhook", "guest", {"topic": "com.test.hook", "github_secret": SECRET}),
    ]


def crossbar_file(port):
    everything = {"call": True, "register": True, "publish": True, "subscribe": True}
    roles = [{"name": "guest", "permissions": [{"uri": "", "match": "prefix", "allow": everything}]}, {"name": "deaf", "permissions": []}]
    paths = {"/": {"type": "static", "directory": "."}, "ws": {"type": "websocket", "auth": {"anonymous": {"type": "static", "role": "guest"}}}}
    for name, kind, role, options in sections():
        paths[name] = {"type": kind, "realm": "realm1", "role": role, "options": options}
    transport = {"type": "web", "endpoint": {"type": "tcp", "port": port, "interface": "127.0.0.1"}, "paths": paths}
    worker = {"type": "router", "realms": [{"name": "realm1", "roles": roles}], "transports": [transport]}
    return json.dumps({"version": 2, "workers": [worker]})


def wharf_file(port):
    lines = [
        "[listeners.main]", f'bind = "127.0.0.1:{port}"', 'serve = ["websocket", "rest"]', "[realms.realm1.auth]", 'anonymous = { role = "guest" }',
        "[realms.realm1.roles.guest]", 'call = ["*"]', 'register = ["*"]', 'publish = ["*"]', 'subscribe = ["*"]', "[realms.realm1.roles.deaf]",
    ]
    for name, kind, role, options in sections():
        lines += [f"[rest.crossbar.{name}]", f'path = "/{name}"', f'kind = "{kind}"', 'realm = "realm1"', f'role = "{role}"']
        for key, value in options.items():
            lines.append(f'{key} = {{ env = "BRIDGE_SECRET" }}' if "secret" in key else f'{key} = "{value}"')
    return "\n".join(lines) + "\n"


def free_ports(count):
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in held]


def query(body, key="myapp1", secret=SECRET, age_s=0, padded=True, nonce=None):
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=age_s)
    stamp = at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03}Z"
    nonce = str(nonce or time.time_ns())
    mac = hmac.new(secret.encode(), f"{key}{stamp}1{nonce}{body}".encode(), hashlib.sha256).digest()
    signature = base64.urlsafe_b64encode(mac).decode()
    signature = signature if padded else signature.rstrip("=")
    return "?" + urllib.parse.urlencode({"key": key, "timestamp": stamp, "seq": 1, "nonce": nonce, "signature": signature})


def cases(data):
    """Name, method, path, headers, body; the path with its query."""
    how = {
        "good": {}, 'good, "=" stripped': {"padded": False}, "other key": {"key": "other"}, "other secret": {"secret": "other"},
        "timestamp older than the window": {"age_s": 600},
    }
    for exchange in data["exchanges"]:
        body, kind = exchange["request_body"], exchange["content_type"]
        path = "/" + SERVICES[exchange["service"]]
        if "signature" in exchange:
            path += query(body, **how[exchange["signature"]])
        headers = {} if kind == "any" else {"Content-Type": kind}
        yield exchange["name"], exchange["method"], path, headers, body
    json_type = {"Content-Type": "application/json"}
    add = '{"procedure":"com.add2","args":[1,2]}'
    nonce = time.time_ns()
    again = query(add, nonce=nonce)
    yield "signed once", "POST", "/signed" + again, json_type, add
    yield "signed twice", "POST", "/signed" + again, json_type, add
    yield "two minutes old", "POST", "/signed" + query(add, age_s=120), json_type, add
    yield "a page of another origin", "POST", "/call", {"Origin": "https://elsewhere.example", **json_type}, add
    yield "options of a call", "POST", "/call", json_type, '{"procedure":"com.disclosed","options":{"disclose_me":true}}'
    yield "PUT", "PUT", "/call", json_type, add
    yield "no content type", "POST", "/call", {}, add
    yield "another charset", "POST", "/call", {"Content-Type": "application/json; charset=latin1"}, add
    yield "two parameters of one name", "POST", "/call", {"Content-Type": "application/json; a=1; a=2"}, add
    yield "members beyond those that are known", "POST", "/call", json_type, '{"procedure":"com.add2","args":[1,2],"more":1}'
    yield "what is empty", "POST", "/call", json_type, '{"procedure":"com.add2","args":null,"kwargs":[]}'
    yield "beyond ASCII", "POST", "/call", json_type, '{"procedure":"com.echo","args":["\u00fc"]}'
    yield "beyond ASCII, in an error", "POST", "/call", json_type, '{"procedure":"com.fail","args":["\u00fc",{"a":[1,2]}]}'
    yield "nothing", "POST", "/call", json_type, '{"procedure":"com.nothing"}'
    yield "no body", "POST", "/call", json_type, ""
    for field in ["key", "timestamp", "seq", "nonce", "signature"]:
        pairs = [pair for pair in query(add)[1:].split("&") if not pair.startswith(field)]
        yield f"without {field}", "POST", "/signed?" + "&".join(pairs), json_type, add
    for field, value in [("seq", "one"), ("nonce", "one"), ("timestamp", "noon")]:
        yield f"unreadable {field}", "POST", "/signed" + re.sub(rf"\b{field}=[^&]*", f"{field}={value}", query(add)), json_type, add
    mac = hmac.new(SECRET.encode(), b"raw body", hashlib.sha1).hexdigest()
    newer = hmac.new(SECRET.encode(), b"raw body", hashlib.sha256).hexdigest()
    yield "github, older signature", "POST", "/github", {"X-Hub-Signature": "sha1=" + mac}, "raw body"
    yield "github, newer signature", "POST", "/github", {"X-Hub-Signature-256": "sha256=" + newer}, "raw body"
    yield "github, no signature", "POST", "/github", {}, "raw body"
    yield "github, wrong signature", "POST", "/github", {"X-Hub-Signature": "sha1=00"}, "raw body"


def ask(port, method, path, headers, body):
    """One request on a connection of its own: status, body, the headers that count."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, body.encode() if body or method in ("POST", "PUT") else None, headers)
    response = connection.getresponse()
    said = response.read().decode()
    connection.close()
    said = re.sub(r'^\{"id":\d+\}$', '{"id":N}', said)
    return {"status": response.status, "body": said, **{name: response.getheader(name) for name in HEADERS}}


def await_answer(port, process, name):
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"{name} ended")
        with contextlib.suppress(OSError, http.client.HTTPException):
            said = ask(port, "POST", "/call", {"Content-Type": "application/json"}, '{"procedure":"com.ready"}')
            if said["body"] == '{"args":[true]}':
                return
        time.sleep(0.1)
    raise SystemExit(f"{name} does not answer")


@contextlib.contextmanager
def running(command, folder, **more):
    with open(pathlib.Path(folder, "log"), "ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, **more)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def compare(ports, data):
    alike, declared, failed, seen = 0, 0, 0, set()
    for name, method, path, headers, body in cases(data):
        theirs, ours = (ask(port, method, path, headers, body) for port in ports)
        differs = {key for key in theirs if theirs[key] != ours[key]} - CORS
        expected = DECLARED.get(name, (None, set()))
        seen.add(name)
        if ours["access-control-allow-origin"] is not None:
            differs.add("access-control-allow-origin")
        if differs == expected[1]:
            alike, declared = alike + (not differs), declared + bool(differs)
            if differs:
                print(f"declared {expected[0]:4}{name}: {theirs['status']} there, {ours['status']} here; {', '.join(sorted(differs))}")
            continue
        failed += 1
        print(f"FAIL {name}: differs by {sorted(differs)}, declared is {sorted(expected[1])}\n  there {theirs}\n  here  {ours}")
    for name in set(DECLARED) - seen:
        failed += 1
        print(f"FAIL {name} is declared and was not asked")
    print(f"crossbar bridge: {alike} alike, {declared} declared, {failed} failed")
    return failed == 0


def main(wharf, data):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        ports = free_ports(2)
        there, here = pathlib.Path(folder, "crossbar"), pathlib.Path(folder, "wharf")
        there.mkdir()
        here.mkdir()
        (there / "config.json").write_text(crossbar_file(ports[0]))
        (here / "wharf.toml").write_text(wharf_file(ports[1]))
        tools = pathlib.Path(sys.executable).parent
        crossbar = stack.enter_context(running([tools / "crossbar", "start", "--cbdir", there], there))
        own = stack.enter_context(running([wharf, "serve", "--config", here / "wharf.toml"], here, env={"BRIDGE_SECRET": SECRET}))
        for port, place in zip(ports, (there, here)):
            callee = [sys.executable, "-W", "ignore", __file__, "callee", f"ws://127.0.0.1:{port}/ws"]
            stack.enter_context(running(callee, place))
        try:
            await_answer(ports[0], crossbar, "Crossbar")
            await_answer(ports[1], own, "Wharf")
        except SystemExit as end:
            for place in (there, here):
                print((place / "log").read_text(errors="replace")[-3000:])
            raise end
        return compare(ports, json.loads(pathlib.Path(data).read_text()))


async def callee(url):
    from autobahn.asyncio.component import Component
    from autobahn.wamp import ApplicationError, CallResult, RegisterOptions

    async def serve():
        component = Component(transports=[{"type": "websocket", "url": url, "max_retries": -1, "initial_retry_delay": 0.5}], realm="realm1")
        ended = asyncio.get_running_loop().create_future()

        @component.on_join
        async def joined(session, details):
            def fail(*args):
                raise ApplicationError("com.bad", *args, k={"a": 1})

            def myerr():
                raise ApplicationError("com.myerr", 1, a=2)

            procedures = {
                "com.add2": lambda *numbers: sum(numbers), "com.kv": lambda: CallResult(1, 2, k=3), "com.kwonly": lambda: CallResult(k=3),
                "com.none": lambda: None, "com.err": myerr, "com.echo": lambda *args: args[0], "com.fail": fail, "com.nothing": lambda: CallResult(),
            }
            for uri, procedure in procedures.items():
                await session.register(procedure, uri)
            await session.register(lambda details: details.caller is not None, "com.disclosed", RegisterOptions(details_arg="details"))
            await session.register(lambda: True, "com.ready")

        component.start(asyncio.get_running_loop())
        await ended

    await serve()


if __name__ == "__main__":
    if sys.argv[1] == "callee":
        asyncio.run(callee(sys.argv[2]))
    else:
        sys.exit(0 if main(*sys.argv[1:3]) else 1)
