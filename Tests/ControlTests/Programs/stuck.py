# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
"""Watches that are begun and never read: stuck.py HOST:PORT DIRECTORY NAMES COUNT [UPGRADE]

UPGRADE is what each offers to switch to. DIRECTORY has chain.pem and key.pem; NAMES is how many services s0, s1, … each asks for. Says `open COUNT`, and `closed N`
whenever more of them have been closed by the other side."""
import json
import select
import socket
import ssl
import sys

place, directory, names, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
upgrade = f"connection: upgrade\r\nupgrade: {sys.argv[5]}\r\n" if len(sys.argv) > 5 else ""
host, port = place.rsplit(":", 1)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.load_cert_chain(f"{directory}/chain.pem", f"{directory}/key.pem")
poll = select.poll()
sockets = {}
for number in range(count):
    plain = socket.socket()
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    plain.connect((host, int(port)))
    secure = context.wrap_socket(plain)
    body = json.dumps({
        "protocol": 1, "version": "0.1.0", "name": f"stuck-{number}", "namespace": "default",
        "instance": f"{number:016x}", "addresses": [], "unmeshedPorts": [], "have": {},
        "wants": {"addresses": [], "names": [f"s{i}" for i in range(names)]}}).encode()
    head = f"POST /v1/watch HTTP/1.1\r\nhost: {place}\r\n{upgrade}content-length: {len(body)}\r\n\r\n".encode()
    secure.sendall(head + body)
    # Only its end is looked for, never what it says.
    poll.register(secure.fileno(), select.POLLRDHUP | select.POLLHUP | select.POLLERR)
    sockets[secure.fileno()] = secure
print(f"open {count}", flush=True)
closed = 0
while closed < count:
    for number, _ in poll.poll():
        poll.unregister(number)
        closed += 1
    print(f"closed {closed}", flush=True)
