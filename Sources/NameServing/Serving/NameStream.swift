// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// Accepts clients over TCP.
final class NameStreamListener: EventHandler {
    private let server: NameServer
    private let socket: Descriptor

    init(_ server: NameServer, _ socket: consuming Descriptor) throws(SystemError) {
        self.server = server
        self.socket = socket
        super.init()
        server.loop.add(self)
        try server.loop.watch(self.socket.number, for: self, .readable)
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        for _ in 0..<16 {
            do throws(SystemError) {
                guard let accepted = try socket.accept() else { return }
                NameStream.begin(server, accepted.takeSocket())
            } catch {
                // Out of descriptors: leave the queue alone for a moment instead of spinning.
                server.loop.unwatch(socket.number)
                return server.loop.setDeadline(now + .milliseconds(100), of: self)
            }
        }
    }

    override func deadlineReached(now: Instant) {
        do throws(SystemError) {
            try server.loop.watch(socket.number, for: self, .readable)
        } catch {
            server.loop.setDeadline(now + .milliseconds(100), of: self)
        }
    }
}

/// One client over TCP: any number of questions, answered in whatever order the answers come (RFC 7766 section 6.2.1.1).
final class NameStream: EventHandler {
    private let server: NameServer
    private var socket: Descriptor?
    private var input: StreamedMessages
    private var output: ArraySlice<UInt8> = []
    private var unanswered = 0
    private var hasEnded = false
    private var watched: Readiness = .readable

    static func begin(_ server: NameServer, _ socket: consuming Descriptor) {
        // Beyond the limit the connection is simply closed, which a resolver takes for what it is.
        guard server.streamCount < server.limits.streams else { return server.count(.overloaded) }
        let stream = NameStream(server, socket)
        server.loop.add(stream)
        do throws(SystemError) {
            try server.loop.watch(stream.socket?.number ?? -1, for: stream, .readable)
        } catch {
            return server.loop.remove(stream)
        }
        server.streamCount += 1
        stream.rest()
    }

    private init(_ server: NameServer, _ socket: consuming Descriptor) {
        self.server = server
        self.socket = consume socket
        input = StreamedMessages(limit: server.limits.datagramBytes)
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        if readiness.contains(.error) { return close() }
        if readiness.contains(.writable) { write() }
        if !readiness.isDisjoint(with: [.readable, .hangup]) { read() }
    }

    /// Nothing has moved for as long as a client may rest.
    override func deadlineReached(now: Instant) {
        // Its answers are on their way, and that has limits of its own.
        if unanswered > 0, output.isEmpty { return rest() }
        close()
    }

    private func rest() { server.loop.setDeadline(server.loop.now + server.limits.streamIdle, of: self) }

    private func read() {
        guard let socket = socket.take() else { return }
        let result = unsafe server.scratch.withUnsafeMutableBytes { unsafe socket.receive(into: $0) }
        self.socket = consume socket
        switch result {
        case .bytes(let count):
            input.append(server.scratch.prefix(count))
            takeQuestions()
        case .wouldBlock: return
        case .ended:
            hasEnded = true
            review()
        case .failed: close()
        }
    }

    private func takeQuestions() {
        while socket != nil, unanswered < server.limits.questionsPerStream, let message = input.next() {
            guard server.admit() else { return close() }
            unanswered += 1
            rest()
            let isAnswered = server.take(message, over: .stream) { [weak self] in self?.answer($0) }
            // Whoever sends what is no question is not one to talk to.
            if !isAnswered { return close() }
        }
        if input.isTooLong {
            server.count(.refused)
            return close()
        }
        review()
    }

    private func answer(_ bytes: [UInt8]) {
        guard socket != nil else { return }
        unanswered -= 1
        output += StreamedMessages.framed(bytes)
        guard output.count <= server.limits.unsentBytes else { return close() }
        write()
    }

    private func write() {
        while !output.isEmpty {
            guard let socket = socket.take() else { return }
            let result = unsafe output.withUnsafeBytes { unsafe socket.send($0) }
            self.socket = consume socket
            switch result {
            case .bytes(let count):
                output = output.dropFirst(count)
                rest()
            case .wouldBlock: return review()
            case .failed: return close()
            }
        }
        output = []
        // What waited for room may be here already, and would not be told again.
        if input.hasNext { server.loop.again(self) }
        review()
    }

    override func continueWork(now: Instant) { takeQuestions() }

    /// Sees to what is told next; closes where there is nothing to come.
    private func review() {
        guard let number = socket?.number else { return }
        if hasEnded, unanswered == 0, output.isEmpty, !input.hasNext { return close() }
        var readiness: Readiness = []
        if !hasEnded, unanswered < server.limits.questionsPerStream { readiness.insert(.readable) }
        if !output.isEmpty { readiness.insert(.writable) }
        guard readiness != watched else { return }
        watched = readiness
        try? server.loop.rewatch(number, for: self, readiness)
    }

    private func close() {
        guard socket != nil else { return }
        socket = nil
        server.loop.remove(self)
        server.streamCount -= 1
    }
}
