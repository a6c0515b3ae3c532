#!/usr/bin/env python3
"""Has the published verifiers of Standard Webhooks look at what a router sends, and sends it what they sign. Run it by
scripts/check-webhooks.sh, which installs them:

    check-webhooks.py --wharf BINARY [--node VERIFIER.MJS]
"""

import argparse
import datetime
import http.server
import json
import os
import pathlib
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

from standardwebhooks.webhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PATIENCE_S = 30

CONFIG = """
[node]
dev = true
[listeners.main]
bind = "127.0.0.1:{port}"
serve = ["rest", "hooks", "metrics"]
realm = "main"
[realms.main.auth.anonymous]
role = "guest"
http = true
[realms.main.roles.guest]
publish = ["com.*"]
subscribe = ["com.*"]
[webhooks.out.erp]
realm = "main"
role = "guest"
topics = ["com.shop.*"]
url = "http://127.0.0.1:{endpoint}/"
secret = "{secret}"
allow_addresses = ["127.0.0.1"]
[webhooks.in.erp]
realm = "main"
role = "guest"
verify = {{ kind = "standard-webhooks", secret = "{secret}" }}
publish = "com.shop.from_hook"
payload = "json"
"""

ARRIVED = queue.Queue()


class Endpoint(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        ARRIVED.put(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Python:
    """The package of PyPI."""

    name = "Python"

    def __init__(self):
        self.webhook = Webhook(SECRET)

    def sign(self, ident, seconds, body):
        return self.webhook.sign(ident, datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc), body)

    def verify(self, headers, body):
        """The data, or None."""
        try:
            return self.webhook.verify(body, headers)
        except Exception as error:
            print(f"  Python says: {error}")
            return None

    def close(self):
        pass


class JavaScript:
    """The package of npm, behind a pipe."""

    name = "JavaScript"

    def __init__(self, script):
        self.node = subprocess.Popen(["node", script, SECRET], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, question):
        self.node.stdin.write(json.dumps(question) + "\n")
        self.node.stdin.flush()
        return json.loads(self.node.stdout.readline())

    def sign(self, ident, seconds, body):
        return self.ask({"sign": {"id": ident, "seconds": seconds, "body": body}})["signature"]

    def verify(self, headers, body):
        """The data, or None."""
        answer = self.ask({"verify": {"headers": headers, "body": body}})
        if "error" in answer:
            print(f"  JavaScript says: {answer['error']}")
        return answer.get("data")

    def close(self):
        self.node.stdin.close()
        self.node.wait(PATIENCE_S)


def post(url, headers, body):
    request = urllib.request.Request(url, data=body.encode(), headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--wharf", required=True)
    arguments.add_argument("--node")
    arguments = arguments.parse_args()
    libraries = [Python()] + ([JavaScript(arguments.node)] if arguments.node else [])
    endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        text = CONFIG.format(port=port, endpoint=endpoint.server_port, secret=SECRET)
        (pathlib.Path(folder) / "wharf.toml").write_text(text)
        own = {name: value for name, value in os.environ.items() if not name.startswith("WHARF")}
        program = pathlib.Path(arguments.wharf).resolve()
        router = subprocess.Popen([program], cwd=folder, env=own, stderr=subprocess.PIPE, text=True)
        try:
            while "wharf is running" not in (line := router.stderr.readline()):
                if not line:
                    sys.exit("the router did not start")
            # A reader that does not read would stop the router's log.
            threading.Thread(target=router.stderr.read, daemon=True).start()
            failed = check(f"http://127.0.0.1:{port}", libraries)
        finally:
            router.terminate()
            router.wait(PATIENCE_S)
            endpoint.shutdown()
            for library in libraries:
                library.close()
    print(f"webhooks: {len(CHECKS) * len(libraries) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


def signed(library, ident, body):
    """The headers that a library makes."""
    seconds = int(time.time())
    return {
        "webhook-id": ident,
        "webhook-timestamp": str(seconds),
        "webhook-signature": library.sign(ident, seconds, body),
        "Content-Type": "application/json",
    }


def takes(base, library, sent):
    """The router takes what the library signs, and publishes it."""
    return sent["status"] == 202 and sent["body"] != ""


def refuses(base, library, sent):
    """The router does not take what was changed behind the library's back."""
    return post(f"{base}/hooks/erp", signed(library, f"changed_{library.name}", '{"n": 7}'), '{"n": 8}') == 401


def verifies(base, library, sent):
    """The library takes what the router sends."""
    data = library.verify(sent["headers"], sent["body"])
    return bool(data) and data["data"]["topic"] == "com.shop.from_hook" and data["data"]["kwargs"] == {"n": 7}


def rejects(base, library, sent):
    """The library does not take what was changed on the way."""
    return library.verify(sent["headers"], sent["body"].replace('"n": 7', '"n": 8').replace('"n":7', '"n":8')) is None


CHECKS = [takes, refuses, verifies, rejects]


def check(base, libraries):
    """How many checks fail. What a library has signed comes out again, signed by the router."""
    failed = 0
    for library in libraries:
        sent = round_trip(base, library)
        for one in CHECKS:
            is_right = one(base, library, sent)
            failed += not is_right
            print(f"{'ok' if is_right else 'FAIL'}: {library.name}: {one.__doc__}")
    return failed


def round_trip(base, library):
    """One hook of the library, and the event that comes of it."""
    body = json.dumps({"n": 7})
    for number in range(PATIENCE_S):
        status = post(f"{base}/hooks/erp", signed(library, f"{library.name}_{number}", body), body)
        try:
            # The subscription may come a moment after the router has started.
            found, octets = ARRIVED.get(timeout=1)
            return {"status": status, "headers": found, "body": octets.decode()}
        except queue.Empty:
            continue
    return {"status": status, "headers": {}, "body": ""}


if __name__ == "__main__":
    main()
