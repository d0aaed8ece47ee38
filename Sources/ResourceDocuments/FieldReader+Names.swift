// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// `spec.names`: whoever writes it wants it, unless it says otherwise.
extension FieldReader {
    mutating func names(_ proxy: inout ProxySettings) {
        let isEnabled = read("enabled") { $0.truth } ?? true
        let port = read("port") { $0.port } ?? NameSettings.defaultPort
        assign("resolvers", to: &proxy.names.resolvers) { $0.list { $0.resolver } }
        if proxy.names.resolvers.count > NameSettings.resolversMax {
            complain(
                .badValue, "`resolvers` has more than \(NameSettings.resolversMax)",
                "a client has given up before they have all been asked")
        }
        guard isEnabled else { return }
        proxy.ports.names = port
        proxy.capture.names = true
        if proxy.names.resolvers.contains(where: { $0.address.isLoopback && $0.port == port.number }) {
            complain(.conflict, "one of `resolvers` is where the proxy itself answers", "name another")
        }
    }
}

extension Value {
    /// An address, with a port where it is not 53. A link-local one would need an interface beside it.
    fileprivate var resolver: SocketAddress? {
        scalar("the address of a resolver, such as 10.0.0.2, fd00::53 or [fd00::53]:5353") { text in
            let resolver = IPAddress(text).map { SocketAddress($0, NameSettings.resolverPort) } ?? SocketAddress(text)
            guard let resolver, !resolver.address.isUnspecified, !resolver.address.isMulticast else { return nil }
            return resolver.address.family == .ipv6 && resolver.address.isLinkLocal ? nil : resolver
        }
    }
}
