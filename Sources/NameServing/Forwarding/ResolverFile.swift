// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel

/// The resolvers of the system, as /etc/resolv.conf names them.
///
/// Where that names the stub of systemd-resolved and nothing else, those that it asks itself are taken. Its own questions
/// are captured as everybody's are: passed on to the stub they would come back for ever.
package enum ResolverFile {
    package static let path = "/etc/resolv.conf"
    package static let managedPath = "/run/systemd/resolve/resolv.conf"
    /// Both stubs: the one that also knows local names, and the one that does not.
    private static let stubs = ["127.0.0.53", "127.0.0.54"].compactMap { IPAddress($0) }
    private static let byteCountMax = 65_536

    /// Without a file, or a line in it, the resolver is on this host (resolv.conf(5)).
    package static func resolvers(path: String = path, managedPath: String = managedPath) -> [SocketAddress] {
        let resolvers = read(path)
        if !resolvers.isEmpty, resolvers.allSatisfy({ stubs.contains($0.address) }) {
            let managed = read(managedPath)
            return managed.isEmpty ? resolvers : managed
        }
        guard resolvers.isEmpty, let loopback = IPAddress("127.0.0.1") else { return resolvers }
        return [SocketAddress(loopback, NameSettings.resolverPort)]
    }

    private static func read(_ path: String) -> [SocketAddress] {
        guard let bytes = try? Files.read(path, limit: byteCountMax).bytes else { return [] }
        return parse(String(decoding: bytes, as: UTF8.self))
    }

    /// Addresses with an interface behind them are passed over: they mean nothing without it.
    package static func parse(_ text: String) -> [SocketAddress] {
        var resolvers: [SocketAddress] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split { $0 == " " || $0 == "\t" }
            guard words.count >= 2, words[0] == "nameserver", let address = IPAddress(words[1]) else { continue }
            let resolver = SocketAddress(address, NameSettings.resolverPort)
            guard !address.isMulticast, !resolvers.contains(resolver) else { continue }
            resolvers.append(resolver)
        }
        return Array(resolvers.prefix(NameSettings.resolversMax))
    }
}
