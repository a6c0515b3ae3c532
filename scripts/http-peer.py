#!/usr/bin/env python3
"""Calls each second over HTTP, of Wharf and of Crossbar's HTTP caller beside it, in turn.

    scripts/http-peer.py WHARF CROSSBAR [--runs N] [--seconds S] [--connections N]

WHARF is a release build, CROSSBAR the program of that name; scripts/crossbar-bridge.sh makes an environment that has it. Each router
gets a callee of its own over RawSocket (`wharf register --echo`), and is asked by wrk with POSTs of 64 octets on connections that
stay. Needs wrk (Debian: `apt-get install wrk`). Prints each run, the medians and their ratio; any answer but 200 is a failure.
Figures mean something on a machine that does nothing else.
"""

import argparse
import contextlib
import json
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

PROCEDURE = "com.example.echo"
PATIENCE_S = 90
SCRIPT = """wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = os.getenv("BODY")
"""


def crossbar_file(http, raw):
    everything = {"call": True, "register": True}
    role = {"name": "anonymous", "permissions": [{"uri": "", "match": "prefix", "allow": everything}]}
    call = {"type": "caller", "realm": "realm1", "role": "anonymous"}
    web = {"type": "web", "endpoint": {"type": "tcp", "port": http, "interface": "127.0.0.1"}, "paths": {"/": {"type": "json", "value": {}}, "call": call}}
    rawsocket = {"type": "rawsocket", "endpoint": {"type": "tcp", "port": raw, "interface": "127.0.0.1"}, "serializers": ["json"]}
    return json.dumps({"version": 2, "workers": [{"type": "router", "realms": [{"name": "realm1", "roles": [role]}], "transports": [web, rawsocket]}]})


def wharf_file(http, raw):
    return f"""[listeners.main]
bind = "127.0.0.1:{http}"
serve = ["rest"]
[listeners.raw]
bind = "127.0.0.1:{raw}"
serve = ["rawsocket"]
[realms.realm1.auth]
anonymous = {{ role = "guest", http = true }}
[realms.realm1.roles.guest]
call = ["*"]
register = ["*"]
"""


def free_ports(count):
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in held]


@contextlib.contextmanager
def running(command, log, **how):
    with open(log, "wb") as out:
        program = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, **how)
    try:
        yield program
    finally:
        program.terminate()
        try:
            program.wait(20)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()


def wait_for(what, is_there):
    end = time.monotonic() + PATIENCE_S
    while not is_there():
        if time.monotonic() > end:
            sys.exit(f"{what} did not come within {PATIENCE_S} s")
        time.sleep(0.1)


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def answers(url, body):
    request = urllib.request.Request(url, body.encode(), {"Content-Type": "application/json"})
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response).get("args") == ["x" * 64]
    return False


def rate(arguments, script, url, body):
    command = ["wrk", "-t1", f"-c{arguments.connections}", f"-d{arguments.seconds}", "-s", script, url]
    told = subprocess.run(command, env={"BODY": body}, capture_output=True, text=True, check=True, timeout=arguments.seconds + 60).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        sys.exit(f"not all calls were answered:\n{told}")
    return float(re.search(r"Requests/sec:\s+([0-9.]+)", told)[1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("wharf", type=pathlib.Path)
    parser.add_argument("crossbar", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("wrk is not installed (Debian: apt-get install wrk)")
    wharf, crossbar = arguments.wharf.resolve(), arguments.crossbar.absolute()
    ours, our_raw, theirs, their_raw = free_ports(4)
    args = {"args": ["x" * 64]}
    asked = {
        "wharf": (f"http://127.0.0.1:{ours}/api/v1/realms/realm1/call/{PROCEDURE}", json.dumps(args)),
        "crossbar": (f"http://127.0.0.1:{theirs}/call", json.dumps({"procedure": PROCEDURE, **args})),
    }
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        folder = pathlib.Path(folder)
        (folder / "post.lua").write_text(SCRIPT)
        (folder / "wharf.toml").write_text(wharf_file(ours, our_raw))
        (folder / ".crossbar").mkdir()
        (folder / ".crossbar" / "config.json").write_text(crossbar_file(theirs, their_raw))
        stack.enter_context(running([wharf, "serve", "-c", folder / "wharf.toml"], folder / "wharf.log"))
        stack.enter_context(running([crossbar, "start", "--cbdir", folder / ".crossbar"], folder / "crossbar.log", cwd=folder))
        for port in (our_raw, their_raw):
            wait_for("a router", lambda port=port: listens(port))
            callee = [wharf, "register", PROCEDURE, "--echo", "--realm", "realm1", "--url", f"rs://127.0.0.1:{port}"]
            stack.enter_context(running(callee, folder / f"callee-{port}.log"))
        for name, (url, body) in asked.items():
            wait_for(f"an answer of {name}", lambda url=url, body=body: answers(url, body))
        rates = {name: [] for name in asked}
        for _ in range(arguments.runs):
            for name, (url, body) in asked.items():
                rates[name].append(rate(arguments, str(folder / "post.lua"), url, body))
                print(f"{name:<9} {rates[name][-1]:9.0f} calls/s", flush=True)
    medians = {name: statistics.median(some) for name, some in rates.items()}
    print(f"medians: wharf {medians['wharf']:.0f}, crossbar {medians['crossbar']:.0f} calls/s; {medians['wharf'] / medians['crossbar']:.1f} times")


if __name__ == "__main__":
    main()
