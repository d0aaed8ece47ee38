// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlStore
internal import MeshModel

/// What this replica knows of the mesh, put together from what the store tells: the configuration, who is connected, which
/// addresses were given, who is denied. Changes that come together are told to the watches once.
actor MeshKeeper {
    private let hub: WatchHub
    private let trustDomain: TrustDomain
    private(set) var state = MeshState.empty
    private(set) var membership = Membership.empty
    private(set) var denied = DeniedPeers()
    /// False while a change waits to be told together with others.
    private var isTold = true
    private var indexMade: MeshIndex
    /// Counts what the hub is told, which may not come there in this order.
    private var generation = 0

    /// Registrations come in crowds when a replica starts; a revision is told at once.
    static let gathering: Duration = .milliseconds(20)
    /// How long the last index took to make. Changes that come one after the other are told together for as long as that
    /// takes, so that a large mesh does not do nothing else.
    private var making: Duration = .zero

    init(_ hub: WatchHub, trustDomain: TrustDomain) {
        self.hub = hub
        self.trustDomain = trustDomain
        indexMade = MeshIndex(.empty, .empty, trustDomain: trustDomain)
    }

    var index: MeshIndex { indexMade }

    /// Calls of actors may overtake each other, so that an older state can come after a newer one.
    func use(_ state: MeshState) async {
        guard state.revision >= self.state.revision else { return }
        self.state = state
        await tell()
    }

    func apply(_ change: (inout Membership) -> Void) {
        change(&membership)
        tellSoon()
    }

    func applyDenied(_ change: (inout DeniedPeers) -> Void) async {
        change(&denied)
        generation += 1
        await hub.use(denied, generation: generation)
    }

    /// What has been heard so far is told when this returns.
    func tellNow() async {
        if !isTold { await tell() }
    }

    private func tellSoon() {
        guard isTold else { return }
        isTold = false
        Task {
            try? await Task.sleep(for: max(Self.gathering, making))
            await tell()
        }
    }

    private func tell() async {
        isTold = true
        let begin = ContinuousClock.now
        indexMade = MeshIndex(state, membership, trustDomain: trustDomain)
        making = ContinuousClock.now - begin
        generation += 1
        await hub.use(indexMade, generation: generation)
    }
}
