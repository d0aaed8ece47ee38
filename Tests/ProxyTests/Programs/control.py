#!/usr/bin/env python3
# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
"""A control plane that says what it is told to.

    control.py ADDRESS:PORT DIRECTORY [JOIN_PORT]

DIRECTORY holds chain.pem, key.pem and roots.pem; issuer.pem and issuer.key, to issue certificates by; and mesh.json, which is
read again whenever it changes:

    {"revision": 1, "resources": [{"id": "...", "text": "...", "on": ["10.96.0.1", "api"]}], "namespaces": ["default"],
     "trust": {...}, "denied": {...}, "say": [{...}], "mute": false, "unsigned": false, "lose": false}

At JOIN_PORT it renews certificates that have expired; with "lose" it does that, and its answer does not arrive.

A document with "on" is told only to who asks for one of these. Each line that is typed is said on every watch as it stands. What
proxies say is printed, a line of JSON each.
"""
import base64, hashlib, http.server, json, os, socketserver, ssl, subprocess, sys, tempfile, threading, time

address, directory = sys.argv[1], sys.argv[2]
host, port = address.rsplit(":", 1)
lock = threading.Lock()
watches = {}
printing = threading.Lock()


def tell(what, **fields):
    with printing:
        print(json.dumps({"told": what, **fields}), flush=True)


def now(skew=0):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + skew))


def path(name):
    return os.path.join(directory, name)


def mesh():
    with open(path("mesh.json")) as file:
        return json.load(file)


def openssl(*words, data=None):
    return subprocess.run(["openssl", *words], input=data, check=True, capture_output=True).stdout


def checkpoint(proxy, revision, digests):
    body = json.dumps({"proxy": proxy, "revision": revision, "time": now(), "digests": digests})
    signature = openssl("dgst", "-sha256", "-sign", path("key.pem"), data=body.encode())
    with open(path("chain.pem")) as file:
        chain = file.read()
    return {"body": body, "signature": base64.b64encode(signature).decode(), "chain": chain}


def issue(csr, identity):
    with tempfile.TemporaryDirectory() as temporary:
        extensions = os.path.join(temporary, "extensions")
        with open(extensions, "w") as file:
            file.write(
                "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
                "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=critical,URI:%s\n" % identity)
        leaf = openssl(
            "x509", "-req", "-CA", path("issuer.pem"), "-CAkey", path("issuer.key"), "-days", "1", "-extfile", extensions,
            data=csr.encode()).decode()
    with open(path("issuer.pem")) as file:
        return leaf + file.read()


nonces = {}


def renew(request, state):
    """What POST /v1/renew is answered with: a status and a value, or nothing at all."""
    certificate = request["certificate"].encode()
    expired = subprocess.run(
        ["openssl", "x509", "-noout", "-checkend", "0"], input=certificate, capture_output=True).returncode != 0
    if state.get("refuse") or not expired:
        return 409, {"code": "WEFT9997", "message": "not today" if expired else "it has not expired"}
    if "csr" not in request:
        nonce = os.urandom(40)
        nonces[base64.b64encode(nonce).decode()] = certificate
        return 200, {"nonce": base64.b64encode(nonce).decode()}
    names = openssl("x509", "-noout", "-ext", "subjectAltName", data=certificate).decode()
    identity = names.split("URI:")[1].split()[0]
    with tempfile.TemporaryDirectory() as temporary:
        files = [os.path.join(temporary, name) for name in ("key", "signature")]
        contents = [openssl("x509", "-noout", "-pubkey", data=certificate), base64.b64decode(request["signature"])]
        for name, content in zip(files, contents):
            with open(name, "wb") as file:
                file.write(content)
        signed = base64.b64decode(request["nonce"]) + openssl("req", "-outform", "DER", data=request["csr"].encode())
        proof = subprocess.run(
            ["openssl", "dgst", "-sha256", "-verify", files[0], "-signature", files[1]], input=signed, capture_output=True)
    known = nonces.pop(request["nonce"], None) == certificate
    key = hashlib.sha256(openssl("req", "-noout", "-pubkey", data=request["csr"].encode())).hexdigest()
    tell("renew", identity=identity, key=key, proven=known and proof.returncode == 0, lost=bool(state.get("lose")))
    if state.get("lose"):
        return None
    if not known or proof.returncode != 0:
        return 400, {"code": "WEFT9996", "message": "that is no proof"}
    with open(path("roots.pem")) as file:
        trust = {"mesh.example": file.read()}
    return 200, {"chain": issue(request["csr"], identity), "trust": trust, "notAfter": now()}


class Watch:
    def __init__(self, request):
        self.proxy = request["namespace"] + "/" + request["name"]
        self.sent = dict(request["have"].get("digests", {}))
        self.whole = not self.sent
        self.common = None
        self.wants = request["wants"]
        self.answer = True
        self.sequence = 0
        self.free = True
        self.lines = []

    def update(self, state):
        wanted = set(self.wants["addresses"] + self.wants["names"])
        texts = {r["id"]: r["text"] for r in state["resources"] if "on" not in r or wanted & set(r["on"])}
        known = {name for r in state["resources"] for name in r.get("on", [])}
        digests = {id: hashlib.sha256(text.encode()).hexdigest() for id, text in texts.items()}
        common = {key: state[key] for key in ("namespaces", "trust", "denied") if key in state}
        revised = (state["revision"], common)
        if not (self.whole or self.answer or digests != self.sent or revised != self.common):
            return None
        self.sequence += 1
        before = {} if self.whole else self.sent
        message = {
            "type": "update", "sequence": self.sequence, "revision": state["revision"], "whole": self.whole,
            "resources": [
                {"id": id, "digest": digests[id], "text": text} for id, text in texts.items() if before.get(id) != digests[id]],
            "removed": [id for id in before if id not in digests], "unknown": sorted(wanted - known)}
        message.update(common)
        if not state.get("unsigned"):
            message["checkpoint"] = checkpoint(self.proxy, state["revision"], digests)
        self.sent, self.whole, self.answer, self.common, self.free = digests, False, False, revised, False
        return message


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *words):
        pass

    def identity(self):
        names = self.connection.getpeercert().get("subjectAltName", ())
        return next(value for kind, value in names if kind == "URI")

    def answer(self, status, value=None):
        body = b"" if value is None else json.dumps(value).encode()
        self.send_response(status)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        parts = self.path.split("/")
        if self.path == "/v1/renew":
            answer = renew(request, mesh())
            self.close_connection = answer is None
            return answer and self.answer(*answer)
        if self.path == "/v1/watch":
            return self.watch(request)
        if self.path == "/v1/certificates":
            state = mesh()
            tell("certificates", identity=self.identity(), csr=request["csr"])
            if state.get("refuse"):
                return self.answer(503, {"code": "WEFT9999", "message": "not today"})
            with open(path("roots.pem")) as file:
                trust = {"mesh.example": file.read()}
            return self.answer(200, {"chain": issue(request["csr"], self.identity()), "trust": trust, "notAfter": now()})
        with lock:
            watch = watches.get(parts[3])
            if watch is None:
                return self.answer(404, {"code": "WEFT9998", "message": "that watch is over"})
            tell(parts[4], watch=parts[3], **request)
            if parts[4] == "wants":
                watch.wants, watch.answer = request, True
            elif request["sequence"] == watch.sequence:
                watch.free = True
                if request.get("rejected"):
                    watch.rejected = mesh()["revision"]
                    watch.whole = False
                    watch.sent = watch.good if hasattr(watch, "good") else {}
                else:
                    watch.good = watch.sent
        self.answer(204)

    def watch(self, request):
        name = os.urandom(16).hex()
        watch = Watch(request)
        tell("watch", name=request["name"], have=request["have"], wants=request["wants"], addresses=request["addresses"])
        with lock:
            watches[name] = watch
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            self.say({"type": "welcome", "protocol": 1, "watch": name, "replica": "test", "time": now(mesh().get("skew", 0)), "heartbeatSeconds": 1})
            beat = time.time()
            while True:
                time.sleep(0.02)
                state = mesh()
                if state.get("mute"):
                    continue
                with lock:
                    stuck = getattr(watch, "rejected", None) == state["revision"]
                    update = watch.update(state) if watch.free and not stuck else None
                    lines, watch.lines = watch.lines, []
                if update:
                    self.say(update)
                for line in lines:
                    self.raw(line)
                if time.time() - beat > 1:
                    beat = time.time()
                    self.say({"type": "heartbeat", "time": now()})
        except (OSError, ssl.SSLError):
            pass
        finally:
            with lock:
                watches.pop(name, None)
            tell("gone", name=request["name"])
            self.close_connection = True

    def say(self, message):
        self.raw(json.dumps(message, ensure_ascii=False))

    def raw(self, line):
        data = (line + "\n").encode()
        # In two chunks: a message need not come in one piece.
        for piece in (data[: len(data) // 2], data[len(data) // 2 :]):
            if piece:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.flush()


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self):
        # The library's own would look its name up, which takes ten seconds where no name server answers.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]

    def finish_request(self, request, client):
        try:
            request.settimeout(60)
            secure = self.context.wrap_socket(request, server_side=True)
            self.RequestHandlerClass(secure, client, self)
        except (OSError, ssl.SSLError) as error:
            tell("refused", error=str(error))

    def handle_error(self, request, client):
        tell("error", error=str(sys.exc_info()[1]))


def serve(port, verify):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(path("chain.pem"), path("key.pem"))
    context.load_verify_locations(path("roots.pem"))
    context.verify_mode = verify
    context.set_alpn_protocols(["http/1.1"])
    server = Server((host, int(port)), Handler)
    server.context = context
    threading.Thread(target=server.serve_forever, daemon=True).start()


serve(port, ssl.CERT_REQUIRED)
if len(sys.argv) > 3:
    serve(sys.argv[3], ssl.CERT_NONE)
print("listening", flush=True)
for line in sys.stdin:
    with lock:
        for watch in watches.values():
            watch.lines.append(line.rstrip("\n"))
while True:
    time.sleep(1)
