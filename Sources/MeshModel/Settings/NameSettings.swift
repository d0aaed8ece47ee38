// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// How the proxy answers questions about names. Where it listens stands with the other ports (``ProxyPorts/names``).
package struct NameSettings: Hashable, Sendable {
    package static let defaultPort = Port.known(15053)
    package static let resolverPort = Port.known(53)
    /// As many are asked one after the other; a client has given up before an eighth has had its time.
    package static let resolversMax = 8

    /// Whom to ask what is not of the mesh; empty: those of /etc/resolv.conf.
    package var resolvers: [SocketAddress] = []

    package init() {}
}
