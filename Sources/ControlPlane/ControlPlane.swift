// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CertificateAuthority
internal import ControlAPI
package import ControlStore
internal import LinuxSystem
package import MeshModel
internal import ResourceDocuments
internal import Synchronization

/// One replica of the control plane, without its transport: who talks to it, and how, is the server's.
///
/// ```
///   apply ──▶ RevisionLog ──▶ store ──┐
///   join  ──▶ Enrollment  ──▶ store   │ watched by every replica
///   watch ──▶ registration ─▶ store ──┴─▶ MeshKeeper ──▶ MeshIndex ──▶ WatchHub ──▶ the proxies that watch here
/// ```
///
/// Every replica does everything but for housekeeping, which whoever leads does. Nothing that proxies need to go on is only
/// here: they keep what they were told.
package final class ControlPlane: Sendable {
    package struct Settings: Sendable {
        package var directory: ReplicaDirectory
        package var replica: ResourceName
        /// For a mesh that does not exist yet.
        package var trustDomain: TrustDomain?
        /// Where proxies find this control plane, `host:port`; and where machines join.
        package var proxyAddresses: [String] = []
        package var joinAddresses: [String] = []
        /// There may be other replicas over the same store.
        package var isShared = false
        /// How long a replica that has begun, or was cut off from its store, leaves the endpoints as it found them. Chosen by
        /// us: three tries of a proxy at addresses where nobody is yet, each after as long as it ever waits.
        package var returning: Duration = .seconds(15)
        /// Of the certificates that workloads get.
        package var workloadLifetime = CertificateLifetime.workload

        package init(directory: ReplicaDirectory, replica: ResourceName) {
            self.directory = directory
            self.replica = replica
        }
    }

    package let settings: Settings
    package let trustDomain: TrustDomain
    package let authority: AuthorityKeeper
    package let enrollment: Enrollment
    package let hub: WatchHub
    package let audit: AuditLog
    package let credentials: Credentials
    let store: any Store
    let revisions: RevisionLog
    let keeper: MeshKeeper
    let lease: LeaseHolder
    let arrivals = Later(beginning)
    let departures = Later(absence)
    let now: @Sendable () -> WallTime

    /// Takes over what the store has, and makes what is missing: for an empty store a whole mesh.
    package init(
        _ settings: Settings, _ store: any Store, now: @escaping @Sendable () -> WallTime = { WallTime.now() }
    ) async throws(Problem) {
        self.settings = settings
        self.store = store
        self.now = now
        authority = AuthorityKeeper(settings.directory, store, replica: settings.replica, now: now)
        try await authority.start(trustDomain: settings.trustDomain)
        guard let trustDomain = await authority.trustDomain else {
            throw Problem(.authorityNotReady, "neither this replica nor the store has a root")
        }
        if let wanted = settings.trustDomain, wanted != trustDomain {
            throw Problem(
                .conflict, at: "--trust-domain", "the mesh is `\(trustDomain)`, not `\(wanted)`",
                remedy: "leave it away, or use another data directory")
        }
        self.trustDomain = trustDomain
        audit = AuditLog(store, now: now)
        credentials = Credentials(store, now: now)
        enrollment = Enrollment(store, authority, audit, lifetime: settings.workloadLifetime, now: now)
        revisions = RevisionLog(store, now: now)
        lease = LeaseHolder(store, replica: settings.replica)
        let signer = CheckpointSigner(authority)
        hub = WatchHub(
            replica: settings.replica, session: lease.session, MeshIndex(.empty, .empty, trustDomain: trustDomain),
            isShared: settings.isShared, heartbeatSeconds: settings.heartbeatSeconds, now: now,
            sign: { text throws(Problem) in try signer.sign(text) })
        keeper = MeshKeeper(hub, trustDomain: trustDomain)
        await signer.refresh()
        self.signer = signer
    }

    private let signer: CheckpointSigner
    /// The root that this replica issued from when it last looked.
    private let lastRoot = Mutex<String?>(nil)
    /// Revisions of the store, with when they were the newest.
    private let marks = Mutex<[(time: WallTime, revision: StoreRevision)]>([])
    /// How often this replica was away, its start included.
    private let absences = Mutex(0)
    private let isLeading = Mutex(false)

    /// Does everything that goes on by itself, until the task is cancelled. It returns early only where the store is lost for
    /// good. `ready` is called when watches can be answered.
    package func run(ready: @Sendable @escaping () -> Void) async throws(Problem) {
        await revisions.follow { [keeper] in await keeper.use($0) }
        let followed: [Followed]
        do throws(StoreError) { followed = try await begin() } catch { throw error.problem }
        // Others may have asked for an intermediate, or answered, before this one looked.
        await rootsChanged()
        ready()
        await withTaskGroup(of: Void.self) { group in
            for one in followed { group.addTask { await self.follow(one) } }
            group.addTask {
                await self.lease.keep {
                    await self.leaseHeld()
                } lost: {
                    await self.leaseLost()
                }
            }
            group.addTask { await self.tellOthers() }
            group.addTask {
                await self.every(.seconds(self.settings.heartbeatSeconds)) { await self.hub.heartbeat() }
            }
            group.addTask { await self.every(.seconds(15)) { await self.maintain() } }
            group.addTask { await self.lead() }
            await group.waitForAll()
        }
        await lease.end()
        await hub.close()
    }

    // MARK: The store's words

    /// Another root is trusted, or signs: this replica goes over to it, and everybody is told.
    package func rootsChanged() async {
        try? await authority.maintain()
        await signer.refresh()
        await refreshTrust()
        guard let root = await authority.issuingRoot else { return }
        let last = lastRoot.withLock { last in
            defer { last = root }
            return last
        }
        // Everybody here gets a certificate of the new root, whichever replica was asked for the step: not before this one can
        // give it. Each proxy spreads its call by itself.
        if let last, last != root { await hub.sendToAll(.renew) }
    }

    /// Who is connected here is no endpoint for the others any more, and hears nothing new: another replica is better.
    /// Where this is the only one, everybody stays, and is written down again.
    private func leaseLost() async {
        // Before the store says that the sessions of all who were cut off have ended.
        await beginReturn()
        if settings.isShared { await hub.sendAway("this replica is cut off from its store") }
    }

    /// From now on proxies can come back.
    func leaseHeld() async {
        let count = absences.withLock { $0 }
        Task {
            try? await Task.sleep(for: settings.returning)
            guard absences.withLock({ $0 }) == count else { return }
            await keeper.apply { $0.awaitsReturn = false }
            await collectAbsent()
        }
    }

    /// Whoever is an endpoint now stays one until proxies had the time to come back.
    func beginReturn() async {
        absences.withLock { $0 += 1 }
        await keeper.apply { $0.awaitsReturn = true }
    }

    /// Whoever leads takes out those who were connected to replicas that are gone.
    func collectAbsent() async {
        guard isLeading.withLock({ $0 }), !(await keeper.membership.awaitsReturn) else { return }
        guard let all = try? await store.list(prefix: StoreKeys.proxies).entries else { return }
        let sessions = Set(all.compactMap { StoreKeys.readSession($0.key) })
        for entry in all {
            guard let session = (try? Registration.decode(entry.value))?.session, !sessions.contains(session) else {
                continue
            }
            // The replica may have come back, and the proxy to another one.
            let compares = [StoreCompare.absent(StoreKeys.session(session)), .unchanged(entry)]
            _ = try? await store.commit(StoreTransaction(compares: compares, operations: [.delete(key: entry.key)]))
        }
    }

    func refreshTrust() async {
        try? await authority.refresh()
        var trust: TrustTexts = [trustDomain: await authority.bundle]
        for settings in await keeper.state.resources.trust {
            if let pem = settings.certificates { trust[settings.trustDomain] = pem }
        }
        let retired = await authority.retiredBundle
        await hub.use(trust, retired: retired.isEmpty ? [:] : [trustDomain: retired])
    }

    // MARK: What goes on by itself

    private func every(_ interval: Duration, _ body: @escaping @Sendable () async -> Void) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: interval)
            if !Task.isCancelled { await body() }
        }
    }

    private func maintain() async {
        await rootsChanged()
        if !(await authority.hasRootKey) { return }
        await rotateByItself()
    }

    /// Housekeeping, by one replica at a time.
    private func lead() async {
        while !Task.isCancelled {
            guard let lease = try? await lease.current(),
                let leadership = try? await store.campaign(
                    name: "leader", value: Array(settings.replica.text.utf8), lease: lease)
            else {
                try? await Task.sleep(for: .seconds(2))
                continue
            }
            isLeading.withLock { $0 = true }
            while !Task.isCancelled, (try? await store.leader(of: "leader"))?.key == leadership.key {
                await housekeep()
                try? await Task.sleep(for: .seconds(60))
            }
            isLeading.withLock { $0 = false }
            // So that nobody waits for the lease to end.
            if Task.isCancelled { _ = await Task { try? await store.resign(leadership) }.value }
        }
    }

    private func housekeep() async {
        await compact()
        await collectAbsent()
        try? await revisions.collect()
        try? await enrollment.collect()
        try? await audit.collect()
        let state = await keeper.state
        try? await VirtualAddresses(store).collect(state)
        try? await VirtualAddresses(store).assign(state, await keeper.membership.virtualAddresses)
    }

    /// What watchers may have missed for an hour is let go; whoever was away longer reads everything anew.
    private func compact() async {
        guard let revision = try? await store.list(prefix: StoreKeys.head).revision else { return }
        let now = now()
        let due = marks.withLock { marks in
            marks.append((now, revision))
            let due = marks.last { $0.time + .seconds(3600) <= now }?.revision
            if let due { marks.removeAll { $0.revision < due } }
            return due
        }
        if let due { try? await store.compact(before: due) }
    }

    package func close() async { await store.close() }
}
