# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
"""Connections that are opened and not used well: slow.py HOST:PORT COUNT plain|tls [DIRECTORY]

Every second one says nothing at all; the others begin a request and add a byte of its head, or of its body, twice a second.
DIRECTORY has chain.pem and key.pem to show. Says `open COUNT` when all have been tried, and `closed N` whenever more of them
have been closed by the other side."""
import select
import socket
import ssl
import sys
import time

place, count, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
host, port = place.rsplit(":", 1)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
if len(sys.argv) > 4:
    context.load_cert_chain(f"{sys.argv[4]}/chain.pem", f"{sys.argv[4]}/key.pem")
poll = select.poll()
silent, dripping, closed = {}, {}, 0
for number in range(count):
    try:
        connection = socket.create_connection((host, int(port)), 5)
        if number % 2 == 0:
            poll.register(connection.fileno(), select.POLLRDHUP | select.POLLHUP | select.POLLERR)
            silent[connection.fileno()] = connection
            continue
        if kind == "tls":
            connection = context.wrap_socket(connection)
        head = b"POST /v1/join HTTP/1.1\r\nhost: x\r\n"
        connection.sendall(head if number % 4 == 1 else head + b"content-length: 9000\r\n\r\n")
        poll.register(connection.fileno(), select.POLLRDHUP | select.POLLHUP | select.POLLERR)
        dripping[connection.fileno()] = connection
    except OSError:
        closed += 1
print(f"open {count} of which {closed} were refused", flush=True)
said = -1
while closed < count:
    gone = {number for number, _ in poll.poll(500)}
    for number, connection in list(dripping.items()):
        try:
            connection.send(b"x")
        except OSError:
            gone.add(number)
    for number in gone:
        poll.unregister(number)
        (silent.pop(number, None) or dripping.pop(number)).close()
        closed += 1
    if closed != said:
        print(f"closed {closed}", flush=True)
        said = closed
    time.sleep(0.1)
