"""The same from Python: python caller.py URL. Prints the sum and publishes a word."""

import sys

from autobahn.asyncio.component import Component, run

component = Component(transports=sys.argv[1], realm="realm1")


@component.on_join
async def joined(session, details):
    print(await session.call("com.example.add", 3, 4))
    session.publish("com.example.hello", "hi")
    session.leave()


run([component], log_level="error")
