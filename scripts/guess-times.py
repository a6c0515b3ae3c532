#!/usr/bin/env python3
"""How long a wrong secret takes to be refused, and a name that nobody has: guess-times.py --wharf BINARY [--tries 2000]

Starts a router of its own on a Unix socket and a free loopback port, and tries both in turn for each method, so that what
disturbs one disturbs the other. Prints, for each method and step, both medians in microseconds and by how much they differ.
Exit status 1 if one differs by more than 5 % (A1 of the limits). It measures, and is no test: on a busy machine run it again.
"""

import argparse
import base64
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

APART_MAX = 0.05
KEY = "af626673c0e68d5066a9f59fa22495406ee2a1c4ced7704897310416bff2c048"
OTHER_KEY = "d759793bbc13a2819a827c76adb6fba8a49aee007f49f2d0992d99b825ad2c48"
HASH = "$argon2id$v=19$m=2048,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+ilg8JpVB1A0qgJolX6w6RRXMmGje79V0hFM05piWP4"
RECORD = "$i=4096$AQEBAQEBAQEBAQEBAQEBAQ==$" + "$".join(base64.b64encode(bytes([n]) * 32).decode() for n in [2, 3])
USERS = {
    "ticket": 'ticket.users.joe = { ticket = "s3cret", role = "guest" }',
    "hashed": f'ticket.users.joe = {{ hash = "{HASH}", role = "guest" }}',
    "wampcra": 'wampcra.users.joe = { secret = "s3cret", role = "guest" }',
    "salted": f'wampcra.users.joe = {{ salt = "8c7fa1", key = "{base64.b64encode(bytes(32)).decode()}", role = "guest" }}',
    "scram": f'scram.users.joe = {{ verifier = "wamp-scram$pbkdf2{RECORD}", role = "guest" }}',
    "cryptosign": f'cryptosign.users.joe = {{ keys = ["{KEY}"], role = "guest" }}',
    "jwt": f'jwt = {{ issuer = "i", audience = "a", key = "{"k" * 32}", role_fixed = "guest" }}',
}
# Not among the others: two rounds.
SECOND = """ticket.users.joe = { ticket = "s3cret", role = "guest" }
wampcra.users.joe = { secret = "s3cret", role = "guest" }
second = { after = ["ticket"], method = "wampcra" }"""
NONCE = base64.b64encode(bytes(16)).decode()


def configuration(port):
    text = '[node]\ndev = true\n[observability]\nlog = { level = "error" }\n'
    text += '[listeners.unix]\nbind = "unix:socket"\nserve = ["rawsocket"]\n'
    text += f'[listeners.http]\nbind = "127.0.0.1:{port}"\nserve = ["rest"]\n'
    for realm, users in [*USERS.items(), ("second", SECOND)]:
        text += f"[realms.{realm}.auth]\nthrottle = {{ per_authid = 4000000000, per_ip = 4000000000 }}\n{users}\n"
        text += f"[realms.{realm}.roles.guest]\n"
    return text


class Peer:
    """One RawSocket connection, in JSON."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.socket.sendall(bytes([0x7F, 0xF1, 0, 0]))
        assert self.read(4)[0] == 0x7F

    def read(self, count):
        octets = b""
        while len(octets) < count:
            more = self.socket.recv(count - len(octets))
            if not more:
                raise ConnectionError("the router has closed")
            octets += more
        return octets

    def say(self, message):
        """Says it; what is answered, and after how long."""
        text = json.dumps(message).encode()
        began = time.perf_counter()
        self.socket.sendall(len(text).to_bytes(4, "big") + text)
        answer = self.read(int.from_bytes(self.read(4)[1:], "big"))
        return json.loads(answer), time.perf_counter() - began


def token(key):
    encode = lambda octets: base64.urlsafe_b64encode(octets).decode().rstrip("=")
    claims = {"iss": "i", "aud": "a", "sub": "joe", "exp": time.time() + 3600}
    text = encode(b'{"alg":"HS256"}') + "." + encode(json.dumps(claims).encode())
    return text + "." + encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())


def proof(realm, extra):
    """A signature that is none, and its extra."""
    if realm == "scram":
        return base64.b64encode(os.urandom(32)).decode(), {"nonce": extra["nonce"], "channel_binding": None, "cbind_data": None}
    if realm == "cryptosign":
        return os.urandom(64).hex() + extra["challenge"], {}
    if realm == "jwt":
        return token("x" * 32), {}
    return base64.b64encode(os.urandom(32)).decode(), {}


def over_wamp(path, realm):
    method = {"hashed": "ticket", "salted": "wampcra", "scram": "wamp-scram"}.get(realm, realm)

    def attempt(authid):
        peer = Peer(path)
        authextra = {"nonce": NONCE} if realm == "scram" else {}
        if realm == "cryptosign":
            authextra = {"pubkey": KEY if authid == "joe" else OTHER_KEY}
        details = {"roles": {"caller": {}}, "authmethods": [method], "authid": authid, "authextra": authextra}
        challenge, first = peer.say([1, realm, details])
        assert challenge[0] == 4, challenge
        abort, second = peer.say([5, *proof(realm, challenge[2])])
        assert abort[0] == 3 and abort[2] == "wamp.error.authentication_denied", abort
        peer.socket.close()
        return {"challenge": first, "answer": second}, abort

    return attempt


def with_two_proofs(path, is_first_right):
    """A ticket, right or wrong, and then a wrong signature."""

    def attempt(authid):
        peer = Peer(path)
        details = {"roles": {"caller": {}}, "authmethods": ["ticket", "wampcra"], "authid": authid}
        challenge, first = peer.say([1, "second", details])
        assert challenge[0] == 4 and challenge[1] == "ticket", challenge
        challenge, second = peer.say([5, "s3cret" if is_first_right else os.urandom(6).hex(), {}])
        assert challenge[0] == 4 and challenge[1] == "wampcra", challenge
        abort, third = peer.say([5, base64.b64encode(os.urandom(32)).decode(), {}])
        assert abort[0] == 3 and abort[2] == "wamp.error.authentication_denied", abort
        peer.socket.close()
        return {"challenge": first, "second": second, "answer": third}, abort

    return attempt


def over_http(connection, realm, scheme):
    def attempt(authid):
        pair = base64.b64encode(f"{authid}:{os.urandom(6).hex()}".encode()).decode()
        credential = "Bearer " + token("x" * 32) if scheme == "Bearer" else "Basic " + pair
        headers = {"Authorization": credential, "X-Request-Id": "r", "Content-Length": "0"}
        began = time.perf_counter()
        connection.request("POST", f"/api/v1/realms/{realm}/call/com.x", headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 401, body
        return {"answer": time.perf_counter() - began}, body

    return attempt


def measure(name, attempt, tries):
    """Both medians of each step; True if they are near enough, and all answers the same."""
    times, answers = {}, set()
    for number in range(tries + 20):
        # The name differs each time, as a guesser's would.
        for who, authid in [("wrong", "joe"), ("unknown", f"nobody{number}")]:
            steps, answer = attempt(authid)
            answers.add(str(answer))
            for step, seconds in steps.items() if number >= 20 else []:
                times.setdefault(step, {}).setdefault(who, []).append(seconds)
    well = len(answers) == 1
    if not well:
        print(f"{name}: the answers differ: {sorted(answers)[:3]}")
    for step, both in times.items():
        wrong, unknown = (statistics.median(both[who]) * 1e6 for who in ("wrong", "unknown"))
        apart = unknown / wrong - 1
        well &= abs(apart) <= APART_MAX
        print(f"{name:20}{step:11}{wrong:12.1f}{unknown:12.1f}{apart:+10.1%}", flush=True)
    return well


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--wharf", required=True, help="the router's binary")
    parser.add_argument("--tries", type=int, default=2000, help="of each kind, for each method")
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "wharf.toml").write_text(configuration(port))
        router = subprocess.Popen([pathlib.Path(options.wharf).resolve()], cwd=folder, env={}, stderr=subprocess.DEVNULL)
        path, deadline = os.path.join(folder, "socket"), time.monotonic() + 20
        while not os.path.exists(path) and time.monotonic() < deadline and router.poll() is None:
            time.sleep(0.05)
        try:
            print(f"{'method':20}{'step':11}{'wrong us':>12}{'unknown us':>12}{'apart':>10}")
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            kinds = [(realm, over_wamp(path, realm)) for realm in USERS]
            kinds += [("second, first right", with_two_proofs(path, True)), ("second, first wrong", with_two_proofs(path, False))]
            kinds += [(f"HTTP Basic, {realm}", over_http(connection, realm, "Basic")) for realm in ["ticket", "hashed"]]
            kinds += [("HTTP Bearer", over_http(connection, "jwt", "Bearer"))]
            held = [measure(name, attempt, options.tries) for name, attempt in kinds]
        finally:
            router.send_signal(signal.SIGTERM)
            router.wait(20)
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
