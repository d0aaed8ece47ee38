// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel
internal import Synchronization

/// Knows which ports of this namespace are listened on, and whether on loopback only: the difference between "the
/// application is not running" and "it listens where nobody can reach it".
///
/// Reads `/proc/net/tcp` and `tcp6`, opened at the start so that it works behind a sandbox; at most once a second, since
/// the tables grow with the connections and a peer can make us ask.
package final class LoopbackListeners: Sendable {
    private struct Listening {
        var readAt: Instant
        var addresses: [UInt16: Set<IPAddress>]
    }

    private let tables: Tables
    private let known = Mutex<Listening?>(nil)

    package init() {
        tables = Tables()
    }

    /// True if somebody listens on the port of `target`, but only on loopback addresses.
    package func contains(_ target: SocketAddress, now: Instant) -> Bool {
        known.withLock { known in
            if known.map({ now - $0.readAt >= .seconds(1) }) ?? true {
                known = Listening(readAt: now, addresses: tables.listening())
            }
            guard let addresses = known?.addresses[target.port], !addresses.isEmpty else { return false }
            return addresses.allSatisfy(\.isLoopback)
        }
    }
}

/// The open tables; either may be missing.
private final class Tables: Sendable {
    private let ipv4: Descriptor?
    private let ipv6: Descriptor?

    init() {
        ipv4 = try? Files.open("/proc/net/tcp")
        ipv6 = try? Files.open("/proc/net/tcp6")
    }

    func listening() -> [UInt16: Set<IPAddress>] {
        var listening: [UInt16: Set<IPAddress>] = [:]
        if let text = try? ipv4?.readAll(limit: 4 << 20) { read(text, into: &listening) }
        if let text = try? ipv6?.readAll(limit: 4 << 20) { read(text, into: &listening) }
        return listening
    }

    /// Lines such as `  0: 0100007F:1F90 00000000:0000 0A ...`: number, local address, remote address, state (0A listens).
    private func read(_ text: [UInt8], into listening: inout [UInt16: Set<IPAddress>]) {
        for line in text.split(separator: UInt8(ascii: "\n")).dropFirst() {
            let words = line.split(separator: UInt8(ascii: " "), maxSplits: 4)
            guard words.count >= 4, words[3].elementsEqual("0A".utf8) else { continue }
            let parts = words[1].split(separator: UInt8(ascii: ":"))
            guard parts.count == 2, let port = UInt16(String(decoding: parts[1], as: UTF8.self), radix: 16),
                let address = Self.address(parts[0])
            else { continue }
            listening[port, default: []].insert(address)
        }
    }

    /// The kernel prints each 32-bit word in host order.
    private static func address(_ hexadecimal: ArraySlice<UInt8>) -> IPAddress? {
        guard hexadecimal.count == 8 || hexadecimal.count == 32 else { return nil }
        var bits: UInt128 = 0
        for start in stride(from: hexadecimal.startIndex, to: hexadecimal.endIndex, by: 8) {
            guard let word = UInt32(String(decoding: hexadecimal[start..<start + 8], as: UTF8.self), radix: 16) else {
                return nil
            }
            bits = bits << 32 | UInt128(UInt32(bigEndian: word))
        }
        return hexadecimal.count == 8
            ? .v4(IPv4Address(bits: UInt32(truncatingIfNeeded: bits))) : IPAddress(IPv6Address(bits: bits))
    }
}
