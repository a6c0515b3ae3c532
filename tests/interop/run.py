"""Runs every client check of this folder against a router of its own, and prints a table client x transport x serializer; then
follows the examples (examples.py).

Called by scripts/interop.sh, which installs the clients. The router listens on free loopback ports and is ended by its
process id. What could not be installed is told as left out and never counted as passed. Exit status: 0 if nothing failed.
"""

import argparse
import concurrent.futures
import contextlib
import functools
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

import examples

HERE = pathlib.Path(__file__).resolve().parent
CHECK_S = 90
START_S = 15
SERIALIZERS = ["json", "msgpack", "cbor"]
BATCHED = [name + ".batched" for name in SERIALIZERS]


class Router:
    """One router of the given binary; as a context it is up inside and gone outside."""

    def __init__(self, binary, log, certificates):
        self.binary, self.log, self.certificates = binary, log, certificates

    def __enter__(self):
        main, raw, secure, self.authenticator = free_ports(4)
        variables = {name: value for name, value in os.environ.items() if not name.startswith("WHARF")}
        variables["WHARF_CONFIG"] = str(HERE / "wharf.toml")
        variables["WHARF__REALMS__BYHTTP__AUTH__DYNAMIC__MAIN__HTTP"] = f"http://127.0.0.1:{self.authenticator}/"
        variables["WHARF__LISTENERS__MAIN__BIND"] = f"127.0.0.1:{main}"
        variables["WHARF__LISTENERS__RAW__BIND"] = f"127.0.0.1:{raw}"
        self.urls = {"ws": f"ws://127.0.0.1:{main}/ws", "lp": f"http://127.0.0.1:{main}/lp", "rs": f"rs://127.0.0.1:{raw}"}
        if self.certificates:
            listener = "WHARF__LISTENERS__SECURE__"
            variables[listener + "BIND"] = f"127.0.0.1:{secure}"
            variables[listener + "SERVE"] = '["websocket", "rawsocket"]'
            variables[listener + "PING_INTERVAL"] = "500ms"
            variables[listener + "TLS__CERT"] = str(self.certificates / "server.pem")
            variables[listener + "TLS__KEY"] = str(self.certificates / "server.key")
            self.urls |= {"wss": f"wss://127.0.0.1:{secure}/ws", "rss": f"rss://127.0.0.1:{secure}"}
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.binary], env=variables, stdout=log, stderr=log)
        for port in [main, raw, secure] if self.certificates else [main, raw]:
            self.wait_for(port)
        return self

    def wait_for(self, port):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(0.02)
        self.stop()
        sys.exit(f"the router did not start; its log is {self.log}")

    def stop(self):
        """Ends the router; gives back what it ended with, and None if it had to be killed."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            return None

    def __exit__(self, *_):
        self.status = self.stop()


def certificates(options, folder):
    """The folder, with a certificate for 127.0.0.1 and the authority that signed it; None where nobody can make them."""
    if not options.python:
        print("left out: TLS: certificates are made with a library that comes with autobahn-python")
        return None
    subprocess.run([options.python, HERE / "authority.py", folder], check=True)
    return pathlib.Path(folder)


def free_ports(count):
    """Ports that were free at once, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Bench:
    """Where the clients are, and the router that they meet."""

    def __init__(self, options, router):
        self.python, self.node_dir, self.router = options.python, options.node_dir, router
        self.variables = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", NO_COLOR="1")
        if router.certificates:
            self.variables["SSL_CERT_FILE"] = self.variables["NODE_EXTRA_CA_CERTS"] = str(router.certificates / "ca.pem")

    def autobahn_python(self, script, framework, transport, serializer):
        url = self.router.urls[transport]
        return self.check([self.python, "-W", "ignore", HERE / script, framework, url, serializer])

    def script(self, name, transport, serializer):
        command = ["node", "--no-deprecation", pathlib.Path(self.node_dir, name)]
        return self.check(command + [self.router.urls[transport], serializer])

    def check(self, command):
        """Whether the check held, its last line, and what it said if it did not."""
        try:
            done = subprocess.run(command, env=self.variables, capture_output=True, text=True, timeout=CHECK_S)
        except subprocess.TimeoutExpired:
            return False, f"no end after {CHECK_S} s", ""
        lines = done.stdout.splitlines()
        failed = [line for line in lines if line.startswith("FAIL")]
        last = lines[-1] if lines else "it said nothing"
        held = done.returncode == 0 and not failed and last.endswith(" held, 0 failed")
        return held, last, "" if held else "\n".join(failed or [done.stderr[-1500:]])

    def getting_started(self, caller):
        """Two programs: one registers and subscribes, the other calls and publishes."""
        folder, url = pathlib.Path(self.node_dir, "getting_started"), self.router.urls["ws"]
        callee = subprocess.Popen(["node", folder / "callee.mjs", url], stdout=subprocess.PIPE, text=True, env=self.variables)
        heard = queue.Queue()
        threading.Thread(target=lambda: [heard.put(line.strip()) for line in callee.stdout], daemon=True).start()
        program = ["node", folder / "caller.mjs"] if caller == "wampy" else [self.python, HERE / "getting_started/caller.py"]
        try:
            said = [heard.get(timeout=20)]
            done = subprocess.run([*program, url], env=self.variables, capture_output=True, text=True, timeout=30)
            said += [done.stdout.strip(), heard.get(timeout=10)]
        except (queue.Empty, subprocess.TimeoutExpired) as error:
            return False, "nobody answered", repr(error)
        finally:
            try:
                callee.wait(5)
            except subprocess.TimeoutExpired:
                callee.kill()
        expected = ["ready", "7", "heard hi"]
        held = said == expected and done.returncode == 0
        return held, f"{sum(a == b for a, b in zip(said, expected))} held, {0 if held else 1} failed", "" if held else str(said)


@contextlib.contextmanager
def service(options, script, *arguments, **variables):
    """A program of the examples, up inside and gone outside; nothing where there is no Python for it."""
    if not options.python:
        yield
        return
    command = [options.python, "-W", "ignore", HERE.parent.parent / "examples" / script, *arguments]
    process = subprocess.Popen(command, env=dict(os.environ, **variables), stdout=subprocess.PIPE, text=True)
    try:
        # The library tells how it connects.
        if not any(line.strip() == "ready" for line in process.stdout):
            sys.exit(f"{script} did not start")
        yield
    finally:
        process.terminate()
        process.wait(10)


def rows(options, bench):
    """Client, transport, serializer and the check, for everything that is installed."""
    found = []

    def add(client, transport, serializers, check):
        found.extend((client, transport, serializer, check) for serializer in serializers)

    plain = ["json", "cbor"] if options.quick else SERIALIZERS
    if options.python:
        for framework in ["asyncio"] if options.quick else ["asyncio", "twisted"]:
            for script, what in [("autobahn_python.py", ""), ("autobahn_advanced.py", ", advanced"), ("autobahn_authentication.py", ", logins"), ("autobahn_dynamic.py", ", dynamic")]:
                check = functools.partial(bench.autobahn_python, script, framework)
                client = f"autobahn-python ({framework}){what}"
                add(client, "ws", plain if options.quick else plain + BATCHED, check)
                add(client, "rs", plain, check)
                if framework == "asyncio":
                    add(client, "wss", plain, check)
                    add(client, "rss", plain, check)
    if options.node_dir:
        for extra, what in [("", ""), ("_advanced", ", advanced"), ("_authentication", ", logins")]:
            wampy = functools.partial(bench.script, f"wampy{extra}.mjs")
            autobahn = functools.partial(bench.script, f"autobahn_js{extra}.mjs")
            add("wampy" + what, "ws", plain, wampy)
            if bench.router.certificates:
                add("wampy" + what, "wss", plain, wampy)
            if not options.quick:
                add("autobahn-js" + what, "ws", plain, autobahn)
                add("autobahn-js" + what, "rs", ["json"], autobahn)
                add("autobahn-js" + what, "lp", ["json"], autobahn)
    return found


def conversations(options, bench):
    """The getting-started programs: one after the other, since they share their URIs."""
    if options.node_dir:
        yield ("getting started (wampy)", "ws", "json", lambda *_: bench.getting_started("wampy"))
        if options.python:
            yield ("getting started (both)", "ws", "json", lambda *_: bench.getting_started("autobahn-python"))


def run(row):
    client, transport, serializer, check = row
    began = time.monotonic()
    held, last, text = check(transport, serializer)
    return client, transport, serializer, held, last, text, time.monotonic() - began


def table(results):
    names = {"ws": "WebSocket", "lp": "long-poll", "rs": "RawSocket", "wss": "WS in TLS", "rss": "RS in TLS", "example": "config/examples"}
    print(f"{'client':37}{'transport':12}{'serializer':18}{'outcome':9}{'seconds':>8}  steps")
    for client, transport, serializer, held, last, _, seconds in results:
        outcome = "ok" if held else "FAIL"
        print(f"{client:37}{names[transport]:12}{serializer:18}{outcome:9}{seconds:8.1f}  {last}")
    for client, transport, serializer, held, _, text, _ in results:
        if not held:
            print(f"\n{client}, {names[transport]}, {serializer}:\n{text}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wharf", required=True, help="the router's binary")
    parser.add_argument("--log", required=True, help="where the router's log goes")
    parser.add_argument("--python", help="the Python that has autobahn; left out if absent")
    parser.add_argument("--node-dir", help="the folder with node_modules and the scripts; left out if absent")
    parser.add_argument("--quick", action="store_true", help="JSON and CBOR, asyncio and wampy only")
    options = parser.parse_args()
    folder = tempfile.TemporaryDirectory()
    router = Router(options.wharf, options.log, certificates(options, folder.name))
    with folder, router:
        bench = Bench(options, router)
        ticket, place = {"AUTHENTICATOR_TICKET": "authenticator-ticket"}, (router.urls["ws"], "dynamic")
        token = {"AUTHENTICATOR_TOKEN": "authenticator-token"}
        with contextlib.ExitStack() as services:
            services.enter_context(service(options, "authenticator.py", *place, **ticket))
            services.enter_context(service(options, "authorizer.py", *place, **ticket))
            services.enter_context(service(options, "authenticator_http.py", str(router.authenticator), **token))
            with concurrent.futures.ThreadPoolExecutor(2) as pool:
                results = list(pool.map(run, rows(options, bench)))
        results += [run(row) for row in conversations(options, bench)]
    if options.python:
        results += examples.results(options.wharf, options.python, options.node_dir)
    table(results)
    failed = sum(not held for _, _, _, held, _, _, _ in results)
    if router.status != 0:
        print(f"\nthe router ended with {router.status}; its log is {options.log}")
        failed += 1
    print(f"\nclients: {len(results) - min(failed, len(results))} passed, {failed} failed")
    sys.exit(1 if failed or not results else 0)


if __name__ == "__main__":
    main()
