// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// A name server over UDP whose answers stand in a file, read anew for each question:
///
///     shop.test A 10.0.0.7 60      an address and its time to live in seconds; AAAA likewise
///     broken.test FAIL             a server failure
///     dead.test DROP               no answer
///
/// A name that is not there does not exist. Each question is told: `asked shop.test A`.
struct LabNames {
    private let socket: LabSocket
    private let path: String

    init(_ address: String, path: String) {
        self.path = path
        let (_, bytes) = LabSocket.make(address)
        let family = bytes.count == MemoryLayout<sockaddr_in>.size ? AF_INET : AF_INET6
        socket = LabSocket(number: Glibc.socket(family, Int32(SOCK_DGRAM.rawValue), 0))
        let number = socket.number
        let result = bytes.withUnsafeBytes { raw in
            bind(number, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(raw.count))
        }
        guard result == 0 else { LabSocket.fail("\(address): \(LabSocket.lastError)") }
        say("listening \(address)")
    }

    func run() -> Never {
        var packet = [UInt8](repeating: 0, count: 4096)
        var client = [UInt8](repeating: 0, count: MemoryLayout<sockaddr_in6>.size)
        while true {
            var length = socklen_t(client.count)
            let count = client.withUnsafeMutableBytes { raw in
                recvfrom(
                    socket.number, &packet, packet.count, 0, raw.assumingMemoryBound(to: sockaddr.self).baseAddress,
                    &length)
            }
            guard count > 12, let reply = reply(Array(packet[..<count])) else { continue }
            _ = client.withUnsafeBytes { raw in
                sendto(
                    socket.number, reply, reply.count, 0, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, length
                )
            }
        }
    }

    private func reply(_ query: [UInt8]) -> [UInt8]? {
        var labels: [String] = []
        var place = 12
        while place < query.count, query[place] != 0 {
            let end = place + 1 + Int(query[place])
            guard end < query.count else { return nil }
            labels.append(String(decoding: query[place + 1..<end], as: UTF8.self).lowercased())
            place = end
        }
        guard place + 5 <= query.count else { return nil }
        let name = labels.joined(separator: ".")
        let kind = query[place + 2] == 28 ? "AAAA" : "A"
        say("asked \(name) \(kind)")
        let zone = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let lines = zone.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
            .filter { $0.first == name && $0.count > 1 }
        if lines.contains(where: { $0[1] == "DROP" }) { return nil }
        let records = lines.filter { $0[1] == kind && $0.count == 4 }.compactMap { Self.record($0[2], $0[3]) }
        let code: UInt8 = lines.contains { $0[1] == "FAIL" } ? 2 : lines.isEmpty ? 3 : 0
        return query[..<2] + [0x81, 0x80 | code, 0, 1] + Self.big(UInt16(records.count)) + [0, 0, 0, 0]
            + query[12..<place + 5] + records.flatMap { $0 }
    }

    private static func record(_ address: String, _ seconds: String) -> [UInt8]? {
        guard let seconds = UInt32(seconds) else { return nil }
        let isIPv6 = address.contains(":")
        var bytes = [UInt8](repeating: 0, count: isIPv6 ? 16 : 4)
        guard inet_pton(isIPv6 ? AF_INET6 : AF_INET, address, &bytes) == 1 else { return nil }
        return [0xc0, 12, 0, isIPv6 ? 28 : 1, 0, 1] + big(seconds) + big(UInt16(bytes.count)) + bytes
    }

    private static func big(_ number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }
}
