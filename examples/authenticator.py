"""A dynamic authenticator: authenticator.py URL REALM, with AUTHENTICATOR_TICKET in the environment.

The router asks `com.example.authenticate` about each login whose name stands in no table of its configuration
(config/examples/dynamic.toml). Arguments and results are those of Crossbar.io's dynamic authenticators, so this runs with
either router. Needs autobahn[asyncio,scram].
"""

import os
import sys

from autobahn.asyncio.component import Component, run
from autobahn.wamp import auth
from autobahn.wamp.exception import ApplicationError

# What stands in your database. Clients prove these; the router does the asking.
PEOPLE = {
    "ticket": {
        "ann": {"ticket": "ann-ticket", "role": "frontend"},
        "amy": {"ticket": "amy-ticket", "role": "frontend", "authid": "amy.smith", "extra": {"team": 3}},
    },
    "wampcra": {
        # A secret as it is, and one of which only what is derived from it is kept.
        "bob": {"secret": "bob-secret", "role": "frontend"},
        "ben": {
            "secret": auth.derive_key("ben-secret", "salt-of-ben", 1000, 32).decode(),
            "salt": "salt-of-ben",
            "iterations": 1000,
            "keylen": 32,
            "role": "frontend",
        },
    },
    # By name; a client that gives none is found by its key below.
    "cryptosign": {
        "device": {"pubkey": "d759793bbc13a2819a827c76adb6fba8a49aee007f49f2d0992d99b825ad2c48", "role": "frontend"},
    },
    # Of `dora-password`, cheap; autobahn.wamp.auth.derive_scram_credential makes costly ones.
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

component = Component(
    transports=sys.argv[1],
    realm=sys.argv[2],
    authentication={"ticket": {"authid": "authenticator", "ticket": os.environ["AUTHENTICATOR_TICKET"]}},
)


def authenticate(realm, authid, details):
    """Who may enter `realm` as `authid`; details names the method, and what the client and its transport say beyond."""
    method = details["authmethod"]
    known = PEOPLE.get(method, {})
    if authid is None and method == "cryptosign":
        key = details["authextra"].get("pubkey")
        authid = next((name for name, person in known.items() if person["pubkey"] == key), None)
    person = known.get(authid)
    if person is None or ("ticket" in details and details["ticket"] != person["ticket"]):
        # Whatever URI of your own: the client is told that its proof was wrong.
        raise ApplicationError("com.example.no_such_user", f"nobody of this name may log in by {method}")
    return {"authid": authid, **{key: value for key, value in person.items() if key != "ticket"}}


@component.on_join
async def joined(session, _):
    await session.register(authenticate, "com.example.authenticate")
    print("ready", flush=True)


if __name__ == "__main__":
    run([component], log_level="warn")
