// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// Questions over UDP.
final class DatagramListener: EventHandler {
    private let server: NameServer
    private let socket: Descriptor

    /// Others of the loop have a turn after so many.
    private static let questionsPerTurn = 64

    init(_ server: NameServer, _ socket: consuming Descriptor) throws(SystemError) {
        self.server = server
        self.socket = socket
        super.init()
        server.loop.add(self)
        try server.loop.watch(self.socket.number, for: self, .readable)
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        for _ in 0..<Self.questionsPerTurn {
            let result = unsafe server.scratch.withUnsafeMutableBytes { unsafe socket.receiveDatagram(into: $0) }
            switch result {
            case .bytes(let count, let source):
                guard server.admit() else { continue }
                let message = Array(server.scratch.prefix(count))
                server.take(message, over: .datagram) { [self] in send($0, to: source) }
            case .tooLong: server.count(.refused)
            // An error is what came of an answer, such as that the client has gone.
            case .wouldBlock, .failed: return
            }
        }
    }

    private func send(_ answer: [UInt8], to client: DatagramSource) {
        unsafe answer.withUnsafeBytes { unsafe socket.send($0, to: client) }
    }
}
