// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import NameResolution
internal import Reactor

/// The sockets to try, one after the other; names are kept resolved.
final class ControlAddresses {
    private var settings: ControlSettings
    private let resolver: NameResolver
    private var next: Int
    /// Called when a name has got an address.
    var changed: () -> Void = {}

    init(_ settings: ControlSettings, on loop: EventLoop) {
        self.settings = settings
        resolver = NameResolver(loop)
        // Every proxy begins somewhere else, so that all replicas have something to do.
        var random = KernelRandom()
        next = Int.random(in: 0..<1024, using: &random)
        resolver.tell = { [unowned self] event in if case .changed = event { changed() } }
        ask()
    }

    func use(_ settings: ControlSettings) {
        self.settings = settings
        ask()
    }

    /// The next one; nil while no name has an address.
    func take() -> SocketAddress? {
        let all = candidates
        guard !all.isEmpty else { return nil }
        defer { next = (next + 1) % 1024 }
        return all[next % all.count]
    }

    var count: Int { candidates.count }

    private func ask() {
        var wishes: [DNSName: NameResolver.Wish] = [:]
        for case .name(let name) in settings.addresses.map(\.host) {
            wishes[name] = NameResolver.Wish(families: .both, interval: .seconds(30))
        }
        resolver.use(wishes)
    }

    private var candidates: [SocketAddress] {
        let names = resolver.names
        return settings.addresses.flatMap { address in
            switch address.host {
            case .address(let host): [SocketAddress(host, address.port)]
            case .name(let name):
                (names[name].map { $0.ipv4 + $0.ipv6 } ?? []).map { SocketAddress($0, address.port) }
            }
        }
    }
}
