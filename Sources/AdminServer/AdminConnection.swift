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
    private var input: [UInt8] = []
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
        if state == .reading, !input.isEmpty { return answer(.text("the request did not come in time\n", status: 408)) }
        close()
    }

    private func read() {
        while state == .reading {
            do throws(SystemError) {
                guard let more = try socket?.read(limit: 4096) else { return close() }
                guard !more.isEmpty else { return }
                input += more
                try consider()
            } catch {
                return close()
            }
        }
    }

    /// Handles the request once it is whole.
    private func consider() throws(SystemError) {
        do throws(HeadError) {
            guard let (head, length) = try RequestHeadParser(server.limits.head).parse(input) else { return }
            let bodyLength = try bodyLength(head)
            guard bodyLength <= server.limits.bodyBytes else {
                return answer(.text("the body exceeds the limit of \(server.limits.bodyBytes)\n", status: 413))
            }
            guard input.count >= length + bodyLength else { return }
            let body = Array(input[length..<length + bodyLength])
            handle(AdminRequest(audience: door.audience, head: head, body: body))
        } catch {
            answer(.text(error.sentence + "\n", status: error.status))
        }
    }

    private func bodyLength(_ head: RequestHead) throws(HeadError) -> Int {
        guard !head.fields.contains(where: { $0.name == "transfer-encoding" }) else {
            throw .malformed("Transfer-Encoding is not taken here")
        }
        guard head.fields.contains(where: { $0.name == "content-length" }) else { return 0 }
        guard let text = head.value("content-length"), let length = Decimal.parse(text.utf8, atMost: 1 << 20) else {
            throw .malformed("Content-Length is not one number")
        }
        return Int(length)
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
        let host = request.head.value("host") ?? ""
        let name = host.hasPrefix("[") ? String(host.prefix { $0 != "]" }) + "]" : String(host.prefix { $0 != ":" })
        guard ["localhost", "127.0.0.1", "[::1]"].contains(name.lowercased()) else {
            return .text("Host must be localhost\n", status: 403)
        }
        guard request.head.value("x-weft-admin") != nil else {
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
