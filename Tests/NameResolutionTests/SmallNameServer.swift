// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Glibc
import LinuxSystem
import MeshModel
import Reactor
import Testing

/// A name server on the loop of the test: UDP on a loopback port, and what it answers is up to the test.
final class SmallNameServer: EventHandler {
    struct Question: Hashable {
        let name: String
        let isIPv6: Bool
    }

    enum Answer {
        /// Addresses, with this time to live.
        case addresses([IPAddress], seconds: UInt32)
        /// An alias and the addresses behind it.
        case alias(String, aliasSeconds: UInt32, [IPAddress], seconds: UInt32)
        /// A code of RFC 1035 section 4.1.1: 2 server failure, 3 no such name, 5 refused; 0 is an answer without addresses.
        case code(UInt8)
        case nothing
        /// These very bytes, behind the identifier.
        case raw([UInt8])
        /// A good answer under another identifier, which somebody who guesses would send.
        case forged([IPAddress])
    }

    let address: SocketAddress
    private let socket: Int32
    private let answer: (Question) -> Answer
    private(set) var questions: [Question] = []

    init(on loop: EventLoop, _ answer: @escaping (Question) -> Answer) throws {
        self.answer = answer
        socket = Glibc.socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        try #require(socket >= 0)
        var local = sockaddr_in()
        local.sin_family = sa_family_t(AF_INET)
        local.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let number = socket
        let result = withUnsafeMutablePointer(to: &local) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(number, pointer, length) == 0 && getsockname(number, pointer, &length) == 0
            }
        }
        try #require(result)
        address = try #require(SocketAddress("127.0.0.1:\(UInt16(bigEndian: local.sin_port))"))
        super.init()
        loop.add(self)
        try loop.watch(socket, for: self, .readable)
    }

    deinit { close(socket) }

    /// Turns until something holds; false if it does not in good time.
    static func turn(_ loop: EventLoop, patience: Duration = .seconds(20), until condition: () -> Bool) throws -> Bool {
        let end = Instant.now() + patience
        while !condition() {
            guard Instant.now() < end else { return false }
            try loop.turn(patience: .milliseconds(50))
        }
        return true
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        var packet = [UInt8](repeating: 0, count: 4096)
        var client = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        while true {
            let count = withUnsafeMutablePointer(to: &client) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    recvfrom(socket, &packet, packet.count, 0, pointer, &length)
                }
            }
            guard count > 12, let question = Self.question(Array(packet[..<count])) else { return }
            questions.append(question)
            guard let reply = Self.reply(Array(packet[..<count]), answer(question)) else { continue }
            _ = withUnsafePointer(to: &client) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    sendto(socket, reply, reply.count, 0, pointer, length)
                }
            }
        }
    }

    /// The first question, whose end follows the name's.
    private static func question(_ packet: [UInt8]) -> Question? {
        var labels: [String] = []
        var place = 12
        while place < packet.count, packet[place] != 0 {
            let end = place + 1 + Int(packet[place])
            guard end < packet.count else { return nil }
            labels.append(String(decoding: packet[place + 1..<end], as: UTF8.self))
            place = end
        }
        guard place + 4 < packet.count else { return nil }
        return Question(name: labels.joined(separator: ".").lowercased(), isIPv6: packet[place + 2] == 28)
    }

    private static func reply(_ query: [UInt8], _ answer: Answer) -> [UInt8]? {
        var end = 12
        while end < query.count, query[end] != 0 { end += 1 + Int(query[end]) }
        let question = Array(query[12..<min(query.count, end + 5)])
        func message(_ code: UInt8, _ records: [[UInt8]], identifier: [UInt8]) -> [UInt8] {
            // A response, recursion desired and available; no authority, nothing more.
            identifier + [0x81, 0x80 | code, 0, 1] + big(UInt16(records.count)) + [0, 0, 0, 0] + question
                + records.flatMap { $0 }
        }
        let identifier = Array(query[..<2])
        switch answer {
        case .nothing: return nil
        case .raw(let bytes): return identifier + bytes
        case .code(let code): return message(code, [], identifier: identifier)
        case .addresses(let addresses, let seconds):
            return message(0, addresses.map { record([0xc0, 12], $0, seconds) }, identifier: identifier)
        case .forged(let addresses):
            return message(
                0, addresses.map { record([0xc0, 12], $0, 60) }, identifier: [identifier[0] ^ 0x5a, identifier[1]])
        case .alias(let alias, let aliasSeconds, let addresses, let seconds):
            let target = name(alias)
            let first = [0xc0, 12, 0, 5, 0, 1] + big(aliasSeconds) + big(UInt16(target.count)) + target
            return message(0, [first] + addresses.map { record(target, $0, seconds) }, identifier: identifier)
        }
    }

    private static func record(_ name: [UInt8], _ address: IPAddress, _ seconds: UInt32) -> [UInt8] {
        switch address {
        case .v4(let address): name + [0, 1, 0, 1] + big(seconds) + [0, 4] + big(address.bits)
        case .v6(let address): name + [0, 28, 0, 1] + big(seconds) + [0, 16] + big(address.bits)
        }
    }

    private static func name(_ text: String) -> [UInt8] {
        text.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    private static func big(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}
