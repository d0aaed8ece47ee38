// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Where a control plane is: an address or a name, with a port. Without one it is 15012, or 15013 where machines join.
package struct ControlAddress: Hashable, Sendable, CustomStringConvertible {
    package enum Host: Hashable, Sendable {
        case address(IPAddress)
        case name(DNSName)
    }

    package static let proxyPort = Port.known(15012)
    package static let joinPort = Port.known(15013)

    package let host: Host
    package let port: Port

    package init(_ host: Host, port: Port = Self.proxyPort) {
        self.host = host
        self.port = port
    }

    /// Reads `10.0.0.1:15012`, `[fd00::1]:15012`, `control.example:15012`, and each of them without the port; an IPv6
    /// address has its brackets even then.
    package init?(_ text: some StringProtocol, defaultPort: Port = Self.proxyPort) {
        if let socket = SocketAddress(String(text)), let port = Port(socket.port) {
            self.init(.address(socket.address), port: port)
        } else if text.hasPrefix("["), text.hasSuffix("]"), let address = IPAddress(text.dropFirst().dropLast()) {
            self.init(.address(address), port: defaultPort)
        } else if let address = IPAddress(text), address.family == .ipv4 {
            self.init(.address(address), port: defaultPort)
        } else if let colon = text.lastIndex(of: ":") {
            guard let name = DNSName(text[..<colon]), let port = Port(text[text.index(after: colon)...]) else {
                return nil
            }
            self.init(.name(name), port: port)
        } else {
            guard let name = DNSName(text) else { return nil }
            self.init(.name(name), port: defaultPort)
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
    /// Where an expired certificate is renewed; empty: the hosts of ``addresses``, at the port where machines join.
    package var joinAddresses: [ControlAddress]

    package init(addresses: [ControlAddress], joinAddresses: [ControlAddress] = []) {
        self.addresses = addresses
        self.joinAddresses = joinAddresses
    }

    /// The same for whoever looks for the port where machines join.
    package var joining: ControlSettings {
        guard joinAddresses.isEmpty else { return ControlSettings(addresses: joinAddresses) }
        return ControlSettings(addresses: addresses.map { ControlAddress($0.host, port: ControlAddress.joinPort) })
    }
}
