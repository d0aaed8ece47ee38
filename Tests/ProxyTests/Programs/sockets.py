# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
"""A WebSocket server that gives back what it hears, and a client that checks it.

    sockets.py serve ADDRESS:PORT
    sockets.py call URL
"""

import asyncio
import sys

import websockets


async def echo(socket, *_):
    async for message in socket:
        await socket.send(message)


async def serve(address):
    host, _, port = address.rpartition(":")
    async with websockets.serve(echo, host, int(port), max_size=None):
        print("serving", flush=True)
        await asyncio.Future()


async def call(url):
    count = 0
    async with websockets.connect(url, max_size=None) as socket:
        for number in range(100):
            await socket.send(f"message {number}")
            assert await socket.recv() == f"message {number}"
            count += 1
        large = bytes(1_000_000)
        await socket.send(large)
        assert await socket.recv() == large
        await socket.ping()
    print(f"{count} messages, {len(large)} bytes came back")


asyncio.run(serve(sys.argv[2]) if sys.argv[1] == "serve" else call(sys.argv[2]))
