# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
"""What a control plane makes of odd conversations: talk.py HOST:PORT DIRECTORY CASE

DIRECTORY has chain.pem and key.pem. Says what came: the status, `heard N`, and `closed` when the other side has ended
it."""
import json
import socket
import ssl
import sys

place, directory, case = sys.argv[1:4]
host, port = place.rsplit(":", 1)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.load_cert_chain(f"{directory}/chain.pem", f"{directory}/key.pem")
secure = context.wrap_socket(socket.create_connection((host, int(port))))
secure.settimeout(40)
body = json.dumps({
    "protocol": 1, "version": "0.1.0", "name": "talker", "namespace": "default" if case != "stranger" else "other",
    "instance": "0123456789abcdef", "addresses": [], "unmeshedPorts": [], "have": {},
    "wants": {"addresses": [], "names": []}}).encode()
upgrade = "other/1" if case == "other" else "weft-watch/1"
head = (f"POST /v1/watch HTTP/1.1\r\nhost: {place}\r\nconnection: upgrade\r\nupgrade: {upgrade}\r\n"
        f"content-length: {len(body)}\r\n\r\n").encode()
acknowledge = b'{"type":"acknowledge","number":1,"said":{"sequence":1,"revision":0}}\n'
wants = b'{"type":"wants","number":2,"said":{"addresses":[],"names":["api"]}}\n'
said = {
    "early": acknowledge, "nonsense": b"this is no message\n", "long": b"x" * 300_000, "many": b'{"number":1}\n' * 100,
    "pieces": acknowledge + wants, "later": b'{"type":"dance","number":7,"more":[1]}\n'}.get(case, b"")
if case == "early":
    secure.sendall(head + body + said)
elif case == "pieces":
    for byte in head + body:
        secure.sendall(bytes([byte]))
else:
    secure.sendall(head + body)
received = b""
is_said = case == "early"
told = 0
try:
    while True:
        more = secure.recv(65536)
        if not more:
            break
        received += more
        if b"\r\n\r\n" in received and told == 0:
            told = 1
            print("status", received.split(b" ")[1].decode(), flush=True)
        if b'"welcome"' in received and not is_said:
            is_said = True
            for start in range(0, len(said), 7 if case == "pieces" else 65536):
                secure.sendall(said[start:start + (7 if case == "pieces" else 65536)])
        while (place_of := received.find(b'{"type":"heard","number":')) >= 0:
            end = received.find(b"}", place_of)
            if end < 0:
                break
            print("heard", received[place_of + 25:end].decode(), flush=True)
            received = received[end:]
except OSError:
    pass
print("closed", flush=True)
