#!/usr/bin/env python3
"""What identity costs those who have logged in: identity-cost.py --wharf BINARY --load WAMPLOAD [--rounds 12]

Two figures, with routers of its own on loopback:
- processor time of a call with 10,000 rules (4,000 prefixes, 3,000 exact, 1,000 wildcards, 2,000 denials) beside one rule, in
  turn, random order, `rpc` with 4 callers, 4 callees and 64 in flight;
- the 99th percentile of a call with one in flight, quiet and while 200 logins per second with a hashed ticket are tried.
It measures, and is no test: on a busy machine run it again.
"""

import argparse
import json
import pathlib
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

LOGINS_PER_SECOND = 200
BASE = """[listeners.main]
bind = "127.0.0.1:{port}"
serve = ["websocket"]
realm = "r"
[listeners.logins]
bind = "unix:{folder}/socket"
serve = ["rawsocket"]
realm = "r"
[realms.r]
uri = "realm1"
[realms.r.auth]
anonymous = {{ role = "guest" }}
{users}
[realms.r.roles.guest]
register = ["*"]
call = {call}
deny = {deny}
"""


class Router:
    def __init__(self, options, folder, call, deny=(), users=""):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        config = pathlib.Path(folder) / f"{self.port}.toml"
        config.write_text(BASE.format(port=self.port, folder=folder, users=users, call=json.dumps(call), deny=json.dumps(list(deny))))
        self.load = options.load
        self.process = subprocess.Popen(
            [options.wharf, "serve", "--config", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    sys.exit("the router did not start")
                time.sleep(0.02)

    def calls(self, callers, depth, seconds):
        command = [
            self.load, "--url", f"ws://127.0.0.1:{self.port}/ws", "--serializer", "json", "--duration", str(seconds),
            "--warmup", "0.3", "--server-pid", str(self.process.pid), "--json", "-", "rpc",
            "--callers", str(callers), "--callees", str(callers), "--depth", str(depth)]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return json.loads(printed.splitlines()[-1])["metrics"]

    def stop(self):
        self.process.terminate()
        self.process.wait(15)


def rules(options, folder):
    others = [f"com.other.n{n}.*" for n in range(4000)] + [f"com.exact.n{n}" for n in range(3000)]
    others += [f"com..w{n}" for n in range(1000)]
    deny = [f"com.deny.n{n}" for n in range(1500)] + [f"com.denyp.n{n}.*" for n in range(500)]
    taken = {"one": [], "many": []}
    for _ in range(options.rounds):
        for name in random.sample(sorted(taken), 2):
            router = Router(options, folder, ["com.*"] if name == "one" else [*others, "com.*"], deny if name == "many" else ())
            taken[name].append(router.calls(4, 64, 1)["server_cpu_us_per_call"])
            router.stop()
    one, many = (statistics.median(taken[name]) for name in ("one", "many"))
    paired = statistics.median(many / one for one, many in zip(taken["one"], taken["many"]))
    print(f"call, one rule: {one:.3f} us of processor; 10,000 rules: {many:.3f} us ({many / one:.1%}; pairs {paired:.1%})")


def log_in(path):
    """A session of its own, over RawSocket, with the ticket whose hash takes milliseconds; whether it was let in."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20)
        peer.connect(path)
        peer.sendall(b"\x7f\xf1\0\0")
        stream = peer.makefile("rwb")
        stream.read(4)

        def say(message):
            octets = json.dumps(message).encode()
            stream.write(len(octets).to_bytes(4, "big") + octets)
            stream.flush()

        def hear():
            return json.loads(stream.read(int.from_bytes(stream.read(4), "big")))[0]

        say([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "slow"}])
        hear()
        say([5, "s3cret", {}])
        return hear() == 2


def keep_logging_in(path, count, until):
    """A fortieth of the 200 logins of each second."""
    step = 40 / LOGINS_PER_SECOND
    planned = time.monotonic() + random.random() * step
    while planned < until:
        time.sleep(max(0, planned - time.monotonic()))
        planned = max(planned + step, time.monotonic() - step)
        count.append(log_in(path))


def logins(options, folder):
    command = [options.wharf, "hash-secret", "ticket"]
    hashed = subprocess.run(command, input=b"s3cret\n", check=True, stdout=subprocess.PIPE).stdout.decode().strip()
    (pathlib.Path(folder) / "hash").write_text(hashed)
    users = f'ticket.users.slow = {{ hash = {{ file = "{folder}/hash" }}, role = "guest" }}'
    router = Router(options, folder, ["com.*"], users=users)
    for _ in range(3):
        quiet = router.calls(1, 1, 4)["p99_us"]
        count, until = [], time.monotonic() + 6
        threads = [threading.Thread(target=keep_logging_in, args=(f"{folder}/socket", count, until)) for _ in range(40)]
        for thread in threads:
            thread.start()
        time.sleep(0.7)
        tried = router.calls(1, 1, 4)["p99_us"]
        for thread in threads:
            thread.join()
        print(f"p99 of a call: {quiet:.0f} us quiet, {tried:.0f} us beside logins ({tried / quiet:.0%}); {sum(count)} of {len(count)} let in")
    router.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wharf", required=True)
    parser.add_argument("--load", required=True)
    parser.add_argument("--rounds", type=int, default=12, help="pairs of the first figure; 0: only the second")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.rounds:
            rules(options, folder)
        logins(options, folder)


main()
