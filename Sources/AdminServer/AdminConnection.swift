// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// One connection of the admin server: reads one request, writes one response, closes.
final class AdminConnection: EventHandler {
    private enum State {
        case reading
        case answering
        case writing
        case lingering
    }

    private let server: AdminServer
    private var socket: Descriptor?
    private let door: AdminDoor
    private var state = State.reading
    private var reader: RequestReader
    private var hasInput = false
    private var head: HTTPRequest?
    private var body: [UInt8] = []
    private var output: ArraySlice<UInt8> = []

    static func begin(_ server: AdminServer, _ socket: consuming Descriptor, _ door: AdminDoor) {
        // Beyond the limit the connection is simply closed: whoever asks again soon finds room.
        guard server.connectionCount < server.limits.connections else { return }
        let connection = AdminConnection(server, socket, door)
        server.loop.add(connection)
        do throws(SystemError) {
            try server.loop.watch(connection.socket?.number ?? -1, for: connection)
        } catch {
            return server.loop.remove(connection)
        }
        server.connectionCount += 1
        server.loop.setDeadline(server.loop.now + server.limits.requestTime, of: connection)
    }

    private init(_ server: AdminServer, _ socket: consuming Descriptor, _ door: AdminDoor) {
        self.server = server
        self.socket = consume socket
        self.door = door
        reader = RequestReader(server.limits.http)
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        switch state {
        case .reading: read()
        case .answering: if readiness.contains(.error) { close() }
        case .writing: write()
        case .lingering: drain()
        }
    }

    override func deadlineReached(now: Instant) {
        if state == .reading, hasInput { return answer(.text("the request did not come in time\n", status: 408)) }
        close()
    }

    private func read() {
        while state == .reading {
            do throws(SystemError) {
                guard let more = try socket?.read(limit: 4096) else { return close() }
                guard !more.isEmpty else { return }
                hasInput = true
                consider(more)
            } catch {
                return close()
            }
        }
    }

    /// Takes what has come, and handles the request once it is whole.
    private func consider(_ bytes: [UInt8]) {
        var offset = 0
        do throws(HTTPRefusal) {
            while state == .reading, let event = unsafe try reader.next(bytes.span.bytes, &offset) {
                switch consume event {
                case .head(let head):
                    self.head = head
                    if case .length(let length) = head.body { checkBody(length) }
                case .data(let range):
                    checkBody(UInt64(body.count + range.count))
                    body += bytes[range]
                case .end:
                    guard let head else { return }
                    handle(AdminRequest(audience: door.audience, head: head, body: body))
                }
            }
        } catch {
            answer(.text(error.sentence + "\n", status: error.status))
        }
    }

    private func checkBody(_ length: UInt64) {
        guard state == .reading, length > UInt64(server.limits.bodyBytes) else { return }
        answer(.text("the body exceeds the limit of \(server.limits.bodyBytes)\n", status: 413))
    }

    private func handle(_ request: AdminRequest) {
        state = .answering
        if let refusal = refusal(of: request) { return answer(refusal) }
        server.loop.setDeadline(server.loop.now + server.limits.responseTime, of: self)
        let withBody = request.method != "HEAD"
        server.handler(request) { [weak self] response in
            self?.answer(response, withBody: withBody)
        }
    }

    /// What keeps a web page in somebody's browser away from the admin port: a name in Host that is not ours (rebinding),
    /// or a request without a header that a page may not set unasked.
    private func refusal(of request: AdminRequest) -> AdminResponse? {
        guard door == .loopback else { return nil }
        let host = request.head.authority
        let name = host.hasPrefix("[") ? String(host.prefix { $0 != "]" }) + "]" : String(host.prefix { $0 != ":" })
        guard ["localhost", "127.0.0.1", "[::1]"].contains(name.lowercased()) else {
            return .text("Host must be localhost\n", status: 403)
        }
        guard request.head.fields.values("x-weft-admin").count == 1 else {
            return .text("the header X-Weft-Admin is missing\n", status: 403)
        }
        return nil
    }

    private func answer(_ response: AdminResponse, withBody: Bool = true) {
        guard socket != nil, state == .reading || state == .answering else { return }
        state = .writing
        output = response.bytes(withBody: withBody)[...]
        server.loop.setDeadline(server.loop.now + server.limits.responseTime, of: self)
        write()
    }

    private func write() {
        while !output.isEmpty {
            do throws(SystemError) {
                guard let socket = socket.take() else { return }
                let result = unsafe output.withUnsafeBytes { bytes in unsafe socket.send(bytes) }
                self.socket = consume socket
                switch result {
                case .bytes(let count): output = output.dropFirst(count)
                case .wouldBlock: return
                case .failed(let errno): throw SystemError(errno, "send")
                }
            } catch {
                return close()
            }
        }
        // Ended in order: a close with unread input would reset what was just written.
        _ = socket?.endWriting()
        state = .lingering
        server.loop.setDeadline(server.loop.now + .seconds(1), of: self)
        drain()
    }

    private func drain() {
        for _ in 0..<64 {
            guard let more = try? socket?.read(limit: 4096) else { return close() }
            if more.isEmpty { return }
        }
        close()
    }

    private func close() {
        guard socket != nil else { return }
        socket = nil
        server.loop.remove(self)
        server.connectionCount -= 1
    }
}
