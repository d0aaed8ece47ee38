// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel

/// The application behind the proxies: one thread, the same for every contender, and cheap enough not to be what is measured.
final class TinyServer {
    /// One client.
    private final class Client {
        let socket: Descriptor
        /// Requests that have come, or the part of one.
        var input: [UInt8] = []
        /// Bytes of the body that are still to go out.
        var owed = 0
        var isWaitingToWrite = false
        var session: TinySession?

        init(_ socket: consuming Descriptor) { self.socket = socket }
    }

    /// At most so much goes to one client before the others have their turn.
    private static let bytesPerTurn = 1 << 20

    private let epoll: Epoll
    private var listeners: [UInt64: Listening] = [:]
    private var clients: [UInt64: Client] = [:]
    private var lastToken: UInt64 = 0
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 64)
    private let body = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
    private let smallAnswer =
        Wire.head(byteCount: Wire.smallByteCount) + [UInt8](repeating: 0x78, count: Wire.smallByteCount)

    private final class Listening {
        let socket: Descriptor

        init(_ socket: consuming Descriptor) { self.socket = socket }
    }

    init(_ addresses: [SocketAddress]) throws {
        epoll = try Epoll(capacity: 512)
        body.initializeMemory(as: UInt8.self, repeating: 0x78)
        for address in addresses {
            let socket = try Descriptor.stream(.ipv4)
            try socket.set(.reuseAddress)
            try socket.bind(to: address)
            try socket.listen(backlog: 4096)
            lastToken += 1
            try epoll.add(socket.number, .readable, token: lastToken)
            listeners[lastToken] = Listening(socket)
        }
    }

    func run() throws -> Never {
        while true {
            for index in 0..<(try epoll.wait(milliseconds: -1)) {
                let event = epoll.event(index)
                if let listening = listeners[event.token] {
                    try accept(listening)
                } else if let client = clients[event.token], !serve(client, event) {
                    clients[event.token] = nil
                }
            }
        }
    }

    private func accept(_ listening: Listening) throws {
        for _ in 0..<64 {
            guard let accepted = try listening.socket.accept() else { return }
            let client = Client(accepted.takeSocket())
            try client.socket.set(.noDelay)
            lastToken += 1
            try epoll.add(client.socket.number, .readable, token: lastToken)
            clients[lastToken] = client
        }
    }

    /// False when the client has gone.
    private func serve(_ client: Client, _ event: ReadinessEvent) -> Bool {
        if client.owed > 0 { return sendBody(client, event.token) }
        switch client.socket.receive(into: buffer) {
        case .wouldBlock: return true
        case .ended, .failed: return false
        case .bytes(let count):
            if client.session != nil { return answerSession(client, buffer[..<count]) }
            client.input += buffer[..<count]
        }
        if client.input.starts(with: HTTP2Wire.preface) {
            let rest = client.input.dropFirst(HTTP2Wire.preface.count)
            client.session = TinySession()
            return Array(rest).withUnsafeBytes { answerSession(client, $0[...]) }
        }
        return answer(client, event.token)
    }

    /// HTTP/2 goes on.
    private func answerSession(_ client: Client, _ bytes: Slice<UnsafeRawBufferPointer>) -> Bool {
        guard let session = client.session, let answers = try? session.take(UnsafeRawBufferPointer(rebasing: bytes))
        else { return false }
        guard !answers.isEmpty else { return true }
        guard case .bytes(answers.count) = answers.withUnsafeBytes({ client.socket.send($0) }) else { return false }
        return true
    }

    private func answerSession(_ client: Client, _ bytes: Slice<UnsafeMutableRawBufferPointer>) -> Bool {
        answerSession(client, UnsafeRawBufferPointer(UnsafeMutableRawBufferPointer(rebasing: bytes))[...])
    }

    /// Answers the requests that are whole, one at a time.
    private func answer(_ client: Client, _ token: UInt64) -> Bool {
        while client.owed == 0, client.input.count >= 4 {
            guard let end = client.input.firstEnd(of: Wire.endOfHead) else { return client.input.count < 65_536 }
            if client.input.starts(with: Call.requestPrefix) {
                client.input.removeSubrange(..<end)
                guard case .bytes(Call.answer.count) = Call.answer.withUnsafeBytes({ client.socket.send($0) })
                else { return false }
                continue
            }
            guard let wanted = Wire.wantedByteCount(client.input[..<end]) else { return false }
            client.input.removeSubrange(..<end)
            let head = wanted == Wire.smallByteCount ? smallAnswer : Wire.head(byteCount: wanted)
            guard case .bytes(head.count) = head.withUnsafeBytes({ client.socket.send($0) }) else { return false }
            guard wanted != Wire.smallByteCount else { continue }
            client.owed = wanted
            guard sendBody(client, token) else { return false }
        }
        return true
    }

    private func sendBody(_ client: Client, _ token: UInt64) -> Bool {
        var left = Self.bytesPerTurn
        while client.owed > 0, left > 0 {
            switch client.socket.send(UnsafeRawBufferPointer(rebasing: body[..<min(client.owed, body.count)])) {
            case .bytes(let count):
                client.owed -= count
                left -= count
            case .wouldBlock: left = 0
            case .failed: return false
            }
        }
        let mustWait = client.owed > 0
        if mustWait != client.isWaitingToWrite {
            client.isWaitingToWrite = mustWait
            guard (try? epoll.change(client.socket.number, mustWait ? .writable : .readable, token: token)) != nil
            else {
                return false
            }
        }
        return mustWait || answer(client, token)
    }
}

extension [UInt8] {
    /// The index behind the first occurrence of `pattern`.
    func firstEnd(of pattern: [UInt8]) -> Int? {
        guard count >= pattern.count else { return nil }
        for end in pattern.count...count where self[end - 1] == pattern[pattern.count - 1] {
            if self[(end - pattern.count)..<end].elementsEqual(pattern) { return end }
        }
        return nil
    }
}
