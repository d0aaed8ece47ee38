// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// An address and a port of one end of a connection. Port 0 is allowed: it stands in addresses the kernel has yet to
/// choose.
package struct SocketAddress: Hashable, Sendable {
    package let address: IPAddress
    package let port: UInt16

    package init(_ address: IPAddress, _ port: UInt16) {
        self.address = address
        self.port = port
    }

    package init(_ address: IPAddress, _ port: Port) {
        self.init(address, port.number)
    }

    /// Of one word where one holds it all: connections that are kept are looked up by it with every request.
    package func hash(into hasher: inout Hasher) {
        switch address {
        case .v4(let address): hasher.combine(UInt64(address.bits) << 16 | UInt64(port))
        case .v6(let address):
            hasher.combine(address)
            hasher.combine(port)
        }
    }

    /// The same as for any text, and much quicker for an IPv4 address: it is asked for with every request that another
    /// sidecar sends.
    package init?(_ text: String) {
        if let address = Self.dottedQuad(text.utf8.span) {
            self = address
        } else {
            self.init(text[...])
        }
    }

    /// Four numbers up to 255 joined by dots, a colon and a port from 1 on, none with leading zeros; nil for anything else.
    private static func dottedQuad(_ text: Span<UInt8>) -> SocketAddress? {
        var (bits, number, parts, digits): (UInt32, UInt32, Int, Int) = (0, 0, 0, 0)
        for index in text.indices {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard digits < 5, digits == 0 || number > 0 else { return nil }
                number = number * 10 + UInt32(byte - UInt8(ascii: "0"))
                digits += 1
            case parts < 3 ? UInt8(ascii: ".") : UInt8(ascii: ":"):
                guard digits > 0, parts < 4, number <= 255 else { return nil }
                bits = bits << 8 | number
                (number, digits) = (0, 0)
                parts += 1
            default: return nil
            }
        }
        guard parts == 4, digits > 0, let port = UInt16(exactly: number), port > 0 else { return nil }
        return SocketAddress(.v4(IPv4Address(bits: bits)), port)
    }

    /// Reads `10.0.0.1:80` or `[fd00::1]:80`.
    package init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = Port(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
        } else if host.contains(":") {
            return nil
        }
        guard let address = IPAddress(host) else { return nil }
        self.init(address, port)
    }
}

extension SocketAddress: CustomStringConvertible {
    package var description: String {
        switch address {
        case .v4(let address): "\(address):\(port)"
        case .v6(let address): "[\(address)]:\(port)"
        }
    }
}

/// The far end of an accepted socket: who connected to us.
package struct ClientAddress: Hashable, Sendable, CustomStringConvertible {
    package let value: SocketAddress

    package init(_ value: SocketAddress) { self.value = value }

    package var description: String { value.description }
}

/// Where the client dialled before a redirect rule brought the connection to us (SO_ORIGINAL_DST).
package struct OriginalDestination: Hashable, Sendable, CustomStringConvertible {
    package let value: SocketAddress

    package init(_ value: SocketAddress) { self.value = value }

    package var description: String { value.description }
}
