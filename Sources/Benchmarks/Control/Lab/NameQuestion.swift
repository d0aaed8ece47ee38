// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import Foundation
import LinuxSystem
import MeshModel

/// Asks a sidecar for the address of a service, as an application does that is about to call it.
enum NameQuestion {
    /// True if it has answered with an address.
    static func ask(_ name: String, at server: SocketAddress) throws -> Bool {
        let socket = try Descriptor.stream(server.address.family)
        guard socket.connect(to: server) == nil else { return false }
        guard socket.waitForOutput(.seconds(1)), socket.pendingError() == nil else { return false }
        // RFC 1035 4: identifier, recursion wanted, one question; A, IN.
        var question: [UInt8] = [0x57, 0x66, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for label in name.split(separator: ".") { question += [UInt8(label.utf8.count)] + Array(label.utf8) }
        question += [0, 0, 1, 0, 1]
        // Over TCP, with its length before it.
        let message = [0, UInt8(question.count)] + question
        guard case .bytes(message.count) = message.withUnsafeBytes({ socket.send($0) }) else { return false }
        var answer = [UInt8](repeating: 0, count: 1024)
        guard socket.waitForInput(.seconds(3)),
            case .bytes(let count) = answer.withUnsafeMutableBytes({ socket.receive(into: $0) }), count > 10
        else { return false }
        // No error, and at least one answer.
        return answer[5] & 0xf == 0 && answer[8] | answer[9] != 0
    }
}
