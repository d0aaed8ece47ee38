# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
"""An HTTP/1.1 server that takes its time, fails if it is told to, and leaves as a good server does.

    server.py ADDRESS:PORT [DELAY_MS [STATUS]]

On SIGTERM it takes no new connections, answers what it has read, says `Connection: close` with each answer, and ends when
nothing is left. On SIGUSR1 it begins to fail with STATUS, and on SIGUSR2 it stops failing.
"""

import asyncio
import signal
import sys

leaving = False
failing = False
active = 0


async def converse(reader, writer):
    global active
    active += 1
    try:
        while True:
            try:
                head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 1 if leaving else 60)
            except asyncio.TimeoutError:
                return
            length = 0
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            await reader.readexactly(length)
            if DELAY:
                await asyncio.sleep(DELAY / 1000)
            print("answered", head.split(b" ", 2)[1].decode(), flush=True)
            body = b"from %s\n" % NAME
            status = STATUS if failing else b"200 OK"
            close = b"Connection: close\r\n" if leaving else b""
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n%s\r\n%s" % (status, len(body), close, body))
            await writer.drain()
            if leaving:
                return
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        active -= 1
        writer.close()


async def main(host, port):
    loop = asyncio.get_running_loop()
    server = await asyncio.start_server(converse, host, port, backlog=512)
    done = asyncio.Event()

    def leave():
        global leaving
        leaving = True
        server.close()
        done.set()

    def fail(value):
        global failing
        failing = value

    loop.add_signal_handler(signal.SIGTERM, leave)
    loop.add_signal_handler(signal.SIGUSR1, fail, True)
    loop.add_signal_handler(signal.SIGUSR2, fail, False)
    print("serving", flush=True)
    await done.wait()
    while active:
        await asyncio.sleep(0.02)


if __name__ == "__main__":
    address, _, port = sys.argv[1].rpartition(":")
    NAME = sys.argv[1].encode()
    DELAY = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    STATUS = (sys.argv[3] if len(sys.argv) > 3 else "503").encode() + b" Told"
    failing = len(sys.argv) > 3
    asyncio.run(main(address, int(port)))
