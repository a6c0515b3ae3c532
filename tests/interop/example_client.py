"""Runs the client that an example names: a `Component(..)` on standard input, as autobahn-python has it. Says as whom it is in."""

import os
import sys

from autobahn.asyncio.component import Component, run

component = eval(sys.stdin.read(), {"Component": Component, "open": open, "os": os})


@component.on_join
async def joined(session, details):
    print("in as", details.authid, details.authrole, details.authmethod, flush=True)
    session.leave()


@component.on_connectfailure
async def failed(_, fault):
    sys.exit(f"no connection: {fault}")


run([component], log_level="error")
