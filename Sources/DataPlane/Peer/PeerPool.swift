// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession
internal import Telemetry

/// What makes two connections to a sidecar interchangeable. Anything that changes here makes the old ones useless, so that
/// a connection can never carry a stream for another peer, another identity or another trust than it was made for.
struct PeerKey: Hashable {
    let address: SocketAddress
    let certificateGeneration: UInt64
    let bundleGeneration: UInt64
    let identity: SPIFFEID
    let workloadUID: String

    /// The address tells nearly all of them apart.
    func hash(into hasher: inout Hasher) { hasher.combine(address) }

    /// True if it was made with this certificate, and under this trust.
    func isMade(under material: IdentityMaterial) -> Bool {
        certificateGeneration == material.generation && bundleGeneration == material.bundles.generation
    }

    /// Of connections to an endpoint, where this identity is expected, under what holds for us now.
    init(_ endpoint: Endpoint, _ identity: SPIFFEID, _ context: TLSContext) {
        address = endpoint.address
        self.identity = identity
        workloadUID = endpoint.workloadUID
        certificateGeneration = context.material.generation
        bundleGeneration = context.material.bundles.generation
    }
}

/// The idle connections of a thread to other sidecars.
struct PeerPool {
    private var pool: IdlePool<PeerKey, PeerConnection>

    init(_ settings: DataPlaneSettings) {
        pool = IdlePool(perKeyMax: WeftOne.poolPerKeyMax, totalMax: settings.idlePeersPerThread)
    }

    var count: Int { pool.count }

    mutating func put(_ peer: PeerConnection) -> Bool {
        guard let key = peer.key else { return false }
        return pool.put(peer, identifier: peer.identifier, for: key)
    }

    mutating func take(_ key: PeerKey) -> PeerConnection? { pool.take(key) }

    mutating func remove(_ peer: PeerConnection) {
        if let key = peer.key { pool.remove(identifier: peer.identifier, for: key) }
    }

    mutating func limit(to settings: DataPlaneSettings) -> [PeerConnection] {
        pool.limit(to: settings.idlePeersPerThread)
    }

    mutating func retire(where matches: (PeerKey) -> Bool) -> [PeerConnection] { pool.retire(where: matches) }
}

extension DataThread {
    /// A connection to an endpoint that has been used before and is idle.
    func takePooled(_ key: PeerKey) -> PeerConnection? {
        while let peer = pool.take(key) {
            if peer.isFitForStream(now: loop.now) {
                counters.poolHits += 1
                return peer
            }
            retire([peer])
        }
        counters.poolMisses += 1
        return nil
    }

    /// Closes idle connections, each with its farewell. Put off to the end of the turn: a farewell is a call into another
    /// session than the one that may be at work now.
    func retire(_ peers: [PeerConnection]) {
        guard !peers.isEmpty else { return }
        counters.poolRetired += UInt64(peers.count)
        loop.atEndOfTurn { for peer in peers { peer.farewell() } }
    }

    /// An address stopped answering or reset: what lies idle to it is not to be trusted either.
    func retireAll(to address: SocketAddress) {
        retire(pool.retire { $0.address == address })
    }
}
