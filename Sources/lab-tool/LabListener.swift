// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Accepts on one address, a thread for each connection.
struct LabListener: Sendable {
    private let socket: LabSocket
    private let name: String

    init(_ address: String) {
        let (socket, bytes) = LabSocket.make(address)
        let bound = bytes.withUnsafeBytes { raw in
            bind(socket.number, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(raw.count))
        }
        guard bound == 0, listen(socket.number, 128) == 0 else {
            LabSocket.fail("\(address): \(LabSocket.lastError)")
        }
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

    /// Says who came, then sends back whatever comes with the listener's own name in front.
    private func serve(_ connection: LabSocket) {
        let peer = connection.peerAddress
        say("accepted at=\(name) from=\(peer) local=\(connection.localAddress) to=\(connection.originalDestination)")
        while let bytes = connection.receive(), !bytes.isEmpty {
            connection.send(Array("\(name) says: ".utf8) + bytes)
        }
        say("ended at=\(name) from=\(peer)")
        close(connection.number)
    }
}
