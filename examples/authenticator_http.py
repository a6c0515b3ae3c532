"""An authenticator over HTTP: authenticator_http.py [PORT], with AUTHENTICATOR_TOKEN in the environment. Needs Python alone.

The router posts {"realm", "authid", "details"} here about each login whose name stands in no table of its configuration
(config/examples/dynamic-http.toml). The answer is what a dynamic authenticator of Crossbar.io returns, as JSON; or 403 for
whom nobody knows. Between hosts put TLS in front: the router asks in the clear on its own host only.
"""

import hmac
import http.server
import json
import os
import sys

TOKEN = os.environ["AUTHENTICATOR_TOKEN"]

# What stands in your database. Clients prove these; the router does the asking.
PEOPLE = {
    # The router may remember the answer about ann for as long as its `cache` says.
    "ticket": {"ann": {"ticket": "ann-ticket", "role": "frontend", "cache": True}},
    "wampcra": {"bob": {"secret": "bob-secret", "role": "frontend"}},
    # By name; a client that gives none is found by its key below.
    "cryptosign": {
        "device": {"pubkey": "d759793bbc13a2819a827c76adb6fba8a49aee007f49f2d0992d99b825ad2c48", "role": "frontend"},
    },
    # Of `dora-password`; autobahn.wamp.auth.derive_scram_credential makes such records.
    "scram": {
        "dora": {
            "kdf": "argon2id-13",
            "iterations": 1,
            "memory": 1024,
            "salt": "913fe0cd0ae84443235622a7c4954bd0",
            "stored-key": "bba93e7e45e1f100ce866074e24fffbe6e57ad57f28cc2bcdc842838df93f983",
            "server-key": "14b2a71f23a580e60ea346068610a5e4b907b868b3d8c5350f5647b59c50294c",
            "role": "frontend",
        },
    },
}


def authenticate(realm, authid, details):
    """Who may enter `realm` as `authid`; details names the method, and what the client and its transport say beyond."""
    known = PEOPLE.get(details["authmethod"], {})
    if authid is None and details["authmethod"] == "cryptosign":
        key = details["authextra"].get("pubkey")
        authid = next((name for name, person in known.items() if person["pubkey"] == key), None)
    person = known.get(authid)
    if person is None or not hmac.compare_digest(details.get("ticket", ""), person.get("ticket", "")):
        return None
    return {"authid": authid, **{key: value for key, value in person.items() if key != "ticket"}}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        if not hmac.compare_digest(self.headers.get("Authorization", ""), f"Bearer {TOKEN}"):
            # Not the router, or one with another token: it takes this for trouble and says so in its log.
            return self.answer(400, {"error": "the token is wrong"})
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        person = authenticate(asked["realm"], asked["authid"], asked["details"])
        if person is None:
            # Whatever URI of your own: the client is told that its proof was wrong.
            return self.answer(403, {"error": "com.example.no_such_user"})
        self.answer(200, person)

    def answer(self, status, said):
        body = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8090
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    print("ready", flush=True)
    server.serve_forever()
