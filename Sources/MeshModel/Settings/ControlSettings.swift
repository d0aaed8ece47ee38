// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Where a control plane is: an address or a name, with a port. Without one it is 15012.
package struct ControlAddress: Hashable, Sendable, CustomStringConvertible {
    package enum Host: Hashable, Sendable {
        case address(IPAddress)
        case name(DNSName)
    }

    package let host: Host
    package let port: Port

    package init(_ host: Host, port: Port = .known(15012)) {
        self.host = host
        self.port = port
    }

    /// Reads `10.0.0.1:15012`, `[fd00::1]:15012`, `control.example:15012`, and each of them without the port; an IPv6
    /// address has its brackets even then.
    package init?(_ text: some StringProtocol) {
        if let socket = SocketAddress(String(text)), let port = Port(socket.port) {
            self.init(.address(socket.address), port: port)
        } else if text.hasPrefix("["), text.hasSuffix("]"), let address = IPAddress(text.dropFirst().dropLast()) {
            self.init(.address(address))
        } else if let address = IPAddress(text), address.family == .ipv4 {
            self.init(.address(address))
        } else if let colon = text.lastIndex(of: ":") {
            guard let name = DNSName(text[..<colon]), let port = Port(text[text.index(after: colon)...]) else {
                return nil
            }
            self.init(.name(name), port: port)
        } else {
            guard let name = DNSName(text) else { return nil }
            self.init(.name(name))
        }
    }

    package var description: String {
        switch host {
        case .address(let address): SocketAddress(address, port).description
        case .name(let name): "\(name):\(port)"
        }
    }
}

/// How a proxy finds its control plane.
package struct ControlSettings: Hashable, Sendable {
    /// Tried in turn.
    package var addresses: [ControlAddress]

    package init(addresses: [ControlAddress]) { self.addresses = addresses }
}
