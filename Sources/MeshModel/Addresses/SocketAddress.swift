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
