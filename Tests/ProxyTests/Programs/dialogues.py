# Says and answers HTTP/1.1 to the byte, and tells what came: for comparing what two ways through the mesh make of it.
#
#   dialogues.py serve ADDRESS:PORT    answers a request for /NAME/... with the answer NAME below
#   dialogues.py ask ADDRESS:PORT      says each of the requests below and prints a line of JSON for each, with what came back
#
# The server prints a line of JSON for each request with what it read. What differs each time is masked.
import concurrent.futures
import json
import re
import socket
import sys
import threading

ANSWERS = {
    "plain": b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nX-Two: a\r\nx-two: b\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\nhello",
    "reason": b"HTTP/1.1 299 Quite all right\r\nContent-Length: 0\r\n\r\n",
    "noreason": b"HTTP/1.1 404 \r\nContent-Length: 2\r\n\r\nno",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    "trailers": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 9\r\n\r\n",
    "untilclose": b"HTTP/1.1 200 OK\r\nX-A: b\r\n\r\nall until the end",
    "http10": b"HTTP/1.0 200 OK\r\nX-A: b\r\n\r\nold",
    "none": b"HTTP/1.1 204 No Content\r\nX-A: b\r\n\r\n",
    "notmodified": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\nETag: \"x\"\r\n\r\n",
    "hints": b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "hops": b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok",
    "closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "octets": b"HTTP/1.1 200 OK\r\nX-Octets: \xc3\xa4 \xff\tx\r\nX-Empty:\r\nX-Spaces:   a  b   \r\nContent-Length: 2\r\n\r\nok",
    "upgrade": b"HTTP/1.1 426 Upgrade Required\r\nUpgrade: other/2, more\r\nConnection: upgrade\r\nContent-Length: 0\r\n\r\n",
    "many": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(90)) + b"Content-Length: 2\r\n\r\nok",
    "wide": b"HTTP/1.1 200 OK\r\nX-Wide: " + b"w" * 40_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "toowide": b"HTTP/1.1 200 OK\r\nX-Wide: " + b"w" * 90_000 + b"\r\nContent-Length: 2\r\n\r\nok",
    "toomany": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(300)) + b"Content-Length: 2\r\n\r\nok",
    "forged": b"HTTP/1.1 200 OK\r\nX-Weft-Reason: forged\r\nX-Weft-Upgrade: forged\r\nContent-Length: 2\r\n\r\nok",
    "switch": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: upgrade\r\n\r\n",
    "status": b"HTTP/1.1 600 What\r\nContent-Length: 0\r\n\r\n",
    "short": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nnot all",
    "badchunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
    "cutchunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    "twolengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "nonsense": b"hello there\r\n\r\n",
    "nothing": b"",
    "large": b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"l" * 300_000,
}
# After these the server ends the connection.
ENDS = {"untilclose", "http10", "closes", "short", "cutchunk", "nothing", "nonsense"}


def request(method, target, *fields, body=b"", host=b"10.96.0.20", version=b"1.1"):
    lines = [method + b" " + target + b" HTTP/" + version]
    if host is not None:
        lines.append(b"Host: " + host)
    lines += fields
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


G = b"GET"
QUESTIONS = [(f"answer {name}", request(G, b"/" + name.encode() + b"/x")) for name in ANSWERS]
QUESTIONS += [(f"HEAD {name}", request(b"HEAD", b"/" + name.encode() + b"/x")) for name in ("plain", "chunked", "large", "none")]
QUESTIONS += [(f"POST {name}", request(b"POST", b"/" + name.encode() + b"/x", body=b"pay")) for name in ("plain", "nothing", "short", "hints")]
QUESTIONS += [
    ("old", request(G, b"/plain/x", version=b"1.0")),
    ("old, kept", request(G, b"/plain/x", b"Connection: keep-alive", version=b"1.0")),
    ("old, chunked answer", request(G, b"/chunked/x", version=b"1.0")),
    ("old, no host", request(G, b"/plain/x", host=None, version=b"1.0")),
    ("no host", request(G, b"/plain/x", host=None)),
    ("two hosts", request(G, b"/plain/x", b"Host: other")),
    ("host with port", request(G, b"/plain/x", host=b"10.96.0.20:80")),
    ("host in capitals", request(G, b"/plain/x", host=b"SHOP.Example")),
    ("host empty", request(G, b"/plain/x", host=b"")),
    ("host with user", request(G, b"/plain/x", host=b"a@b")),
    ("absolute", request(G, b"http://shop.example/plain/x?q")),
    ("path", request(G, b"/plain/%7Eb/../%41;p=1/a//b/?a=%20b&c=\"d\"|{e}")),
    ("path, encoded separator", request(G, b"/plain/a%2Fb")),
    ("path, no slash", request(G, b"plain")),
    ("path, dots", request(G, b"/../plain/x")),
    ("path, fragment", request(G, b"/plain/x#y")),
    ("path, octets", request(G, b"/plain/\xc3\xa4")),
    ("empty query", request(G, b"/plain/x?")),
    ("OPTIONS *", request(b"OPTIONS", b"*")),
    ("own method", request(b"M-SEARCH", b"/plain/x")),
    ("small method", request(b"get", b"/plain/x")),
    ("DELETE", request(b"DELETE", b"/plain/x")),
    ("PUT", request(b"PUT", b"/plain/x", body=b"p" * 1000)),
    ("PUT, nothing", request(b"PUT", b"/plain/x", b"Content-Length: 0")),
    ("POST, no length", request(b"POST", b"/plain/x")),
    ("PUT, the largest shared", request(b"PUT", b"/plain/x", body=b"p" * 16380)),
    ("PUT, too large to share", request(b"PUT", b"/plain/x", body=b"p" * 16381)),
    ("GET with a body", request(G, b"/plain/x", body=b"why")),
    ("fields twice", request(G, b"/plain/x", b"X-A: 1", b"x-a: 2", b"Cookie: b=2; c=3", b"Accept: a", b"Accept: b")),
    ("octets", request(G, b"/plain/x", b"X-Octets: \xc3\xa4\xff \t x", b"X-Empty:", b"X-Spaces:   a  b   ")),
    ("hops", request(G, b"/plain/x", b"Connection: X-Hop, keep-alive", b"X-Hop: 1", b"Keep-Alive: 5", b"Proxy-Connection: a", b"TE: trailers", b"X-Stays: 1")),
    ("te", request(G, b"/trailers/x", b"TE: trailers, gzip;q=0.5", b"Connection: TE")),
    ("closes", request(G, b"/plain/x", b"Connection: close")),
    ("no upgrade asked for twice", request(G, b"/plain/x", b"Upgrade: h2c", b"Connection: close")),
    ("expects", request(b"PUT", b"/plain/x", b"Expect: 100-continue", body=b"body")),
    ("forged", request(G, b"/plain/x", b"X-Weft-Reason: a", b"x-weft-peer: a", b"X-Forwarded-For: 1.2.3.4", b"Forwarded: for=1.2.3.4", b"X-Request-Id: mine", b"X-Forwarded-Client-Cert: By=me", b"X-Forwarded-Proto: https")),
    ("trace", request(G, b"/plain/x", b"tracestate: a=1,b=2", b"baggage: c=d", b"X-B3-TraceId: 1")),
    ("many", request(G, b"/plain/x", *[b"X-%d: %d" % (i, i) for i in range(90)])),
    ("wide", request(G, b"/plain/x", b"X-Wide: " + b"w" * 40_000)),
    ("too wide", request(G, b"/plain/x", b"X-Wide: " + b"w" * 90_000)),
    ("too many", request(G, b"/plain/x", *[b"X-%d: %d" % (i, i) for i in range(300)])),
    ("long path", request(G, b"/plain/" + b"p" * 7_000)),
    ("too long a path", request(G, b"/plain/" + b"p" * 30_000)),
    ("folded", request(G, b"/plain/x", b"X-A: 1\r\n  2")),
    ("space before the colon", request(G, b"/plain/x", b"X-A : 1")),
    ("zero octet", request(G, b"/plain/x", b"X-A: a\x00b")),
    ("pseudo", request(G, b"/plain/x", b":path: /other")),
    ("two lengths", request(b"POST", b"/plain/x", b"Content-Length: 3", b"Content-Length: 4") + b"abc"),
    ("same lengths", request(b"POST", b"/plain/x", b"Content-Length: 3", b"Content-Length: 3") + b"abc"),
    ("chunked and length", request(b"POST", b"/plain/x", b"Content-Length: 3", b"Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    ("chunked", request(b"POST", b"/plain/x", b"Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\nX-T: 1\r\n\r\n"),
    ("pipelined", request(G, b"/plain/1") + request(b"POST", b"/chunked/2", body=b"two") + request(G, b"/hints/3") + request(G, b"/closes/4")),
    ("pipelined behind an end", request(G, b"/untilclose/1") + request(G, b"/plain/2")),
    ("pipelined behind what is wrong", request(G, b"/plain/1") + request(G, b"/plain/2", b"X-A : 1") + request(G, b"/plain/3")),
]

TELLING = threading.Lock()
MASKS = [
    (re.compile(rb"(?i)(traceparent: )[^\r]*"), rb"\1*"),
    (re.compile(rb"(?i)(x-request-id: )(?!mine)[^\r]*"), rb"\1*"),
    (re.compile(rb"(?i)(date: )[^\r]*"), rb"\1*"),
    (re.compile(rb"(connection |request )[0-9a-f]{8,}"), rb"\1*"),
    (re.compile(rb"10\.[0-9.]+:[0-9]{4,5}"), rb"*"),
]


def tell(name, data):
    for pattern, by in MASKS:
        data = pattern.sub(by, data)
    text = data.decode("latin-1")
    if len(text) > 3000:
        text = f"{text[:1500]} ... {len(text)} ... {text[-500:]}"
    with TELLING:
        print(json.dumps([name, text]), flush=True)


def listen(address):
    host, port = address.rsplit(":", 1)
    server = socket.create_server((host, int(port)), backlog=256)
    print("serving", flush=True)
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()


def serve(connection):
    data = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in data:
                more = connection.recv(65536)
                if not more:
                    return
                data += more
            head, data = data.split(b"\r\n\r\n", 1)
            length = re.search(rb"(?i)\r\ncontent-length: *([0-9]+)", head)
            body = b""
            if length:
                while len(data) < int(length[1]):
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                body, data = data[: int(length[1])], data[int(length[1]) :]
            elif re.search(rb"(?i)\r\ntransfer-encoding: *chunked", head):
                while b"0\r\n" not in data or not data.endswith(b"\r\n\r\n"):
                    more = connection.recv(65536)
                    if not more:
                        return
                    data += more
                body, data = data, b""
            tell("read", head + b"\r\n\r\n" + body)
            path = head.split(b" ")[1]
            name = path.split(b"/")[1].decode("latin-1") if b"/" in path else "plain"
            answer = ANSWERS.get(name, ANSWERS["plain"])
            if head.startswith(b"HEAD"):
                answer = answer.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
            connection.sendall(answer)
            if name in ENDS:
                return


def ask(address):
    host, port = address.rsplit(":", 1)
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        for name, got in pool.map(lambda question: converse(host, int(port), *question), QUESTIONS):
            tell(name, got)


def converse(host, port, name, question):
    got = b""
    with socket.create_connection((host, port)) as connection:
        try:
            connection.sendall(question)
            connection.settimeout(20)
            while True:
                more = connection.recv(1 << 20)
                if not more:
                    return name, got + b"[end]"
                got += more
                # Most answers leave the connection open: until nothing comes any more.
                connection.settimeout(2)
        except socket.timeout:
            return name, got + b"[open]"
        except OSError as error:
            return name, got + b"[" + str(error).encode() + b"]"


if __name__ == "__main__":
    {"serve": listen, "ask": ask}[sys.argv[1]](sys.argv[2])
