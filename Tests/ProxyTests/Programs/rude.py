# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
"""An HTTP/1.1 server that leaves as it likes, and clients that do not give a request away in one piece.

    rude.py serve ADDRESS:PORT         closes a connection after every third answer, without a word
    rude.py gets ADDRESS COUNT         GETs on one connection
    rude.py pieces ADDRESS COUNT       POSTs on connections of their own, head and body apart
    rude.py uploads ADDRESS COUNT      POSTs of 3 MB, answered with 413 before they are read
    rude.py half ADDRESS               switches protocols, and ends its direction

The server answers with the head that it got. To /early it answers 413 and closes at once; to an upgrade it says all it gets
back, and BYE at the end.
"""

import collections
import socket
import socketserver
import sys


class Rude(socketserver.StreamRequestHandler):
    def handle(self):
        for _ in range(3):
            head, length = b"", 0
            while not head.endswith(b"\r\n\r\n"):
                line = self.rfile.readline()
                if not line:
                    return
                head += line
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            if b"/early" in head:
                self.wfile.write(b"HTTP/1.1 413 Big\r\nConnection: close\r\nContent-Length: 3000\r\n\r\n" + b"x" * 3000)
                return
            if b"upgrade: echo" in head.lower():
                self.wfile.write(b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
                while data := self.connection.recv(4096):
                    self.wfile.write(data)
                self.wfile.write(b"BYE")
                return
            head += self.rfile.read(length)
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(head) + head)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128


def answer(connection):
    """The status of the next answer, with its body read."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return "end"
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head.split(b" ")[1].decode()


def dial(address):
    connection = socket.create_connection((address, 80), 5)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def call(what, address, count=1):
    told = collections.Counter()
    connection = dial(address)
    for _ in range(count):
        try:
            if what == "gets":
                connection.sendall(b"GET /get HTTP/1.1\r\nHost: a\r\n\r\n")
            elif what == "pieces":
                connection = dial(address)
                connection.sendall(b"POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n")
                connection.sendall(b"b")
            else:
                connection = dial(address)
                connection.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
                try:
                    connection.sendall(b"u" * 3000000)
                except (BrokenPipeError, ConnectionResetError):
                    pass
            told[answer(connection)] += 1
        except OSError as error:
            told[type(error).__name__] += 1
    print(dict(told))


def half(address):
    connection = dial(address)
    connection.sendall(b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    connection.recv(65536)
    connection.sendall(b"words")
    data = connection.recv(65536)
    connection.shutdown(socket.SHUT_WR)
    while more := connection.recv(65536):
        data += more
    print(data.decode())


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        host, _, port = sys.argv[2].rpartition(":")
        with Server((host, int(port)), Rude) as server:
            print("serving", flush=True)
            server.serve_forever()
    elif sys.argv[1] == "half":
        half(sys.argv[2])
    else:
        call(sys.argv[1], sys.argv[2], int(sys.argv[3]))
