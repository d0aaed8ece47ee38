// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Many connections at once to a server that echoes: all of them are opened, then every line of input is one round over
/// all, until `stop`.
struct LabCrowd {
    private let sockets: [LabSocket]

    init(_ address: String, count: Int) {
        sockets = (0..<count).map { _ in LabSocket.connected(to: address) }
        say("opened \(count)")
    }

    func run() -> Int32 {
        while let line = readLine(), line != "stop" {
            // All have spoken before the first is heard: none can be served at another's expense.
            for (index, socket) in sockets.enumerated() { socket.send(Array("\(line) \(index)\n".utf8)) }
            var wrong = 0
            for (index, socket) in sockets.enumerated() {
                let expected = Array("\(line) \(index)\n".utf8)
                if socket.receive(count: expected.count) != expected { wrong += 1 }
            }
            say("round \(line) right=\(sockets.count - wrong) wrong=\(wrong)")
        }
        var unclean = 0
        for socket in sockets { if !socket.endCleanly() { unclean += 1 } }
        say("closed unclean=\(unclean)")
        return 0
    }
}
