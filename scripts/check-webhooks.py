#!/usr/bin/env python3
"""Has the published verifier of Standard Webhooks (`pip install standardwebhooks`) look at what a router sends, and sends it what
the library signs. On demand:

    scripts/check-webhooks.py target/debug/wharf
"""

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


def post(url, headers, body):
    request = urllib.request.Request(url, data=body.encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return answer.status


def free_port():
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def main(program):
    endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=endpoint.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        text = CONFIG.format(port=port, endpoint=endpoint.server_port, secret=SECRET)
        (pathlib.Path(folder) / "wharf.toml").write_text(text)
        own = {name: value for name, value in os.environ.items() if not name.startswith("WHARF")}
        router = subprocess.Popen([pathlib.Path(program).resolve()], cwd=folder, env=own, stderr=subprocess.PIPE, text=True)
        try:
            while "wharf is running" not in (line := router.stderr.readline()):
                if not line:
                    sys.exit("the router did not start")
            # A reader that does not read would stop the router's log.
            threading.Thread(target=router.stderr.read, daemon=True).start()
            check(f"http://127.0.0.1:{port}")
        finally:
            router.terminate()
            router.wait(PATIENCE_S)
            endpoint.shutdown()


def check(base):
    webhook = Webhook(SECRET)
    # In: what the library signs is published, and comes out again, signed by the router.
    body, now = json.dumps({"n": 7}), datetime.datetime.now(datetime.timezone.utc)
    headers = {
        "webhook-id": "msg_of_the_library",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": webhook.sign("msg_of_the_library", now, body),
    }
    for number in range(PATIENCE_S):
        own = dict(headers, **{"webhook-id": f"msg_{number}", "webhook-signature": webhook.sign(f"msg_{number}", now, body)})
        assert post(f"{base}/hooks/erp", own, body) == 202
        try:
            # The subscription may come a moment after the router has started.
            found, sent = ARRIVED.get(timeout=1)
            break
        except queue.Empty:
            continue
    else:
        sys.exit("no event has arrived")
    data = webhook.verify(sent, found)
    assert data["data"]["topic"] == "com.shop.from_hook" and data["data"]["kwargs"] == {"n": 7}, data
    print("ok: the library verifies what the router sends, and the router what the library signs")


if __name__ == "__main__":
    main(*sys.argv[1:])
