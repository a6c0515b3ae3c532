"""A dynamic authorizer: authorizer.py URL REALM, with AUTHENTICATOR_TICKET in the environment.

The router asks `com.example.authorize` about each request of the roles that name it (config/examples/dynamic.toml). Arguments
and results are those of Crossbar.io's dynamic authorizers, so this runs with either router. Needs autobahn[asyncio].
"""

import os
import sys

from autobahn.asyncio.component import Component, run

component = Component(
    transports=sys.argv[1],
    realm=sys.argv[2],
    authentication={"ticket": {"authid": "authenticator", "ticket": os.environ["AUTHENTICATOR_TICKET"]}},
)


def authorize(session, uri, action, options):
    """Whether `session` may do `action` to `uri`, which is a pattern where options has another `match` than exact."""
    own = f"com.example.users.{session['authid']}."
    if uri.startswith(own):
        # Whatever is its own; nobody need ask again for that session, and whoever is called hears who calls.
        return {"allow": True, "disclose": True, "cache": True}
    if action in ("call", "subscribe"):
        return uri.startswith("com.example.public.")
    return False


@component.on_join
async def joined(session, _):
    await session.register(authorize, "com.example.authorize")
    print("ready", flush=True)


if __name__ == "__main__":
    run([component], log_level="warn")
