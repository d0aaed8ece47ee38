// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Accepts on one address, a thread for each connection.
struct LabListener: Sendable {
    /// What is done with a connection.
    enum Behaviour: String, CaseIterable {
        /// Says who came and where they meant to go; echoes with the listener's own name in front.
        case listen
        /// Echoes, and ends when the client has ended.
        case echo
        /// Hears the client out, and only then says how much it was.
        case count
        /// Greets before the client has said a word, then echoes.
        case greet
        /// Answers the first bytes with a few last words and a reset.
        case reset
        /// Sends without end, until that fails.
        case flood
        /// Sends eight megabytes, then resets.
        case burst
        /// HTTP/1.1 with keep-alive: see LabHTTP.
        case http
        /// Grants any switch of protocols, then echoes.
        case `switch`
        /// Accepts and never reads.
        case deaf
    }

    private let behaviour: Behaviour
    private let socket: LabSocket
    private let name: String

    init(_ address: String, _ behaviour: Behaviour) {
        let (socket, bytes) = LabSocket.make(address)
        let bound = bytes.withUnsafeBytes { raw in
            bind(socket.number, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(raw.count))
        }
        guard bound == 0, listen(socket.number, 4096) == 0 else {
            LabSocket.fail("\(address): \(LabSocket.lastError)")
        }
        self.behaviour = behaviour
        self.socket = socket
        name = address
    }

    func start() {
        say("listening \(name)")
        Thread.detachNewThread { [self] in
            while true {
                let number = accept(socket.number, nil, nil)
                if number >= 0 { Thread.detachNewThread { serve(LabSocket(number: number)) } }
            }
        }
    }

    private func serve(_ connection: LabSocket) {
        let peer = connection.peerAddress
        if behaviour != .echo {
            say(
                "accepted at=\(name) from=\(peer) local=\(connection.localAddress) to=\(connection.originalDestination)"
            )
        }
        switch behaviour {
        case .listen: echo(connection, prefix: Array("\(name) says: ".utf8), peer)
        case .echo: echo(connection, peer)
        case .greet:
            connection.send(Array("220 at your service\n".utf8))
            echo(connection, peer)
        case .count: count(connection)
        case .reset:
            _ = connection.receive()
            connection.send(Array("last words\n".utf8))
            connection.resetOnClose()
            say("resets \(peer)")
        case .flood:
            while connection.send([UInt8](repeating: 7, count: 65_536)) {}
            say("broken at=\(name) from=\(peer): \(LabSocket.lastError)")
        case .burst:
            connection.send([UInt8](repeating: 7, count: 8 << 20))
            connection.resetOnClose()
            say("resets \(peer)")
        case .http: LabHTTP(connection, name).serve()
        case .switch:
            _ = connection.receive()
            connection.send(Array("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n".utf8))
            echo(connection, peer)
        case .deaf: while true { pause() }
        }
        close(connection.number)
    }

    private func echo(_ connection: LabSocket, prefix: [UInt8] = [], _ peer: String) {
        while let bytes = connection.receive() {
            guard !bytes.isEmpty else {
                if behaviour != .echo { say("ended at=\(name) from=\(peer)") }
                return
            }
            connection.send(prefix + bytes)
        }
        say("broken at=\(name) from=\(peer): \(LabSocket.lastError)")
    }

    private func count(_ connection: LabSocket) {
        var sum = 0
        while let bytes = connection.receive() {
            guard !bytes.isEmpty else {
                connection.send(Array("counted \(sum)\n".utf8))
                return
            }
            sum += bytes.count
        }
        say("broken at=\(name): \(LabSocket.lastError)")
    }
}
