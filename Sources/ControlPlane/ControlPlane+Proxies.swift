// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ControlAPI
internal import ControlStore
package import MeshModel
internal import ResourceDocuments

/// What proxies ask.
extension ControlPlane {
    /// Begins a watch for a proxy that has proved `identity`, and tells the mesh that its workload is here, unless it leaves.
    ///
    /// A workload may call itself what it likes within its namespace, except by the name of one that has joined under another
    /// identity, or that a document gives another identity.
    package func openWatch(
        _ request: WatchRequest, identity: SPIFFEID, serial: String
    ) async throws(Problem) -> String {
        guard ControlProtocol.understoodVersions.contains(request.protocolVersion) else {
            throw Problem(
                .controlMessage, at: "protocol", "version \(request.protocolVersion) is not spoken here",
                remedy: "run proxies and control plane of neighbouring versions")
        }
        guard identity.trustDomain == trustDomain, let account = identity.serviceAccount,
            account.namespace == request.workload.namespace
        else {
            throw Problem(
                .forbidden, "\(identity) cannot speak for the workload \(request.workload)",
                remedy: "a proxy's namespace is that of its identity")
        }
        try await requireOwnName(request.workload, identity)
        let addresses = request.addresses.filter {
            !$0.isLoopback && !$0.isLinkLocal && !$0.isUnspecified && !$0.isMulticast
        }
        guard await lease.isHeld else {
            throw Problem(
                .storeUnavailable, "this replica is cut off from its store", remedy: "another replica may not be")
        }
        var request = request
        request.addresses = addresses
        let isOld = try await enrollment.isOnOtherRoot(than: await authority.issuingRoot, serial: serial, identity)
        let watch = try await hub.open(request, identity: identity, serial: serial)
        // At once: the sooner nobody calls it any more, the less is left to be waited for.
        if request.isLeaving { await lease.withdraw(StoreKeys.proxy(request.workload, instance: request.instance)) }
        // It was elsewhere when everybody was told.
        if isOld { _ = await hub.send(.renew, to: request.workload) }
        if request.have == nil {
            await arrivals.add { [weak self] in _ = try? await self?.register(watch) }
        } else {
            do throws(StoreError) { try await register(watch) } catch {
                await hub.end(watch)
                throw error.problem
            }
        }
        await enrollment.noteShown(serial, by: identity)
        return watch
    }

    /// Makes the workload an endpoint, once. One that has nothing yet becomes one when it has answered its first update: who
    /// calls it is to meet the policies that hold for it. Gives the registration's key; nil where there was none to be made.
    @discardableResult
    private func register(_ watch: String) async throws(StoreError) -> String? {
        guard let (key, value) = await hub.registrationDue(of: watch) else { return nil }
        try await lease.put(key, value, isLeased: false)
        return key
    }

    /// Waits until others are being told of a registration, or half a second.
    private func untilTold(_ key: String) async {
        for _ in 0..<Self.tellingTries where await keeper.membership.registration(at: key) == nil {
            try? await Task.sleep(for: .milliseconds(5))
        }
        try? await Task.sleep(for: MeshKeeper.gathering)
    }

    private static let tellingTries = 100

    /// Chosen by us: how long its first answer may take.
    static let beginning: Duration = .seconds(2)

    /// What a proxy says of an update; false where there is no such watch of his. That he says it over a connection with
    /// another certificate than before tells that this is in force; nil where it is the watch's own, which may have been renewed
    /// since.
    package func acknowledge(
        _ watch: String, _ acknowledgement: Acknowledgement, identity: SPIFFEID, serial: String?
    ) async -> Bool {
        guard await hub.acknowledge(watch, acknowledgement, by: identity) else { return false }
        // Its proxy calls itself ready when it is answered, and whoever waits for that calls it at once. Where the store is
        // away, all who are connected here are written down again when it is back.
        if let key = try? await register(watch) { await untilTold(key) }
        if let serial, await hub.notes(serial, of: watch, by: identity) {
            await enrollment.noteShown(serial, by: identity)
        }
        return true
    }

    /// Joins a machine, unless its name is that of a Workload that has been written for another identity: what callers expect
    /// there it could never show.
    package func join(_ request: JoinRequest, from peer: String) async throws(Problem) -> Enrollment.Joined {
        let documents = await keeper.state.documents
        return try await enrollment.join(request, from: peer) { workload in
            guard case .workload(let written) = documents[ResourceID(.workload, workload)]?.resource else { return nil }
            return written.identity
        }
    }

    private func requireOwnName(_ workload: ResourceReference, _ identity: SPIFFEID) async throws(Problem) {
        let index = await keeper.index
        if case .workload(let written) = index.state.documents[ResourceID(.workload, workload)]?.resource,
            written.identity != identity
        {
            throw Problem(
                .forbidden, "the workload \(workload) is \(written.identity?.description ?? "without identity")",
                remedy: "give the proxy another name")
        }
        if let other = index.registration(of: workload), other.identity != identity {
            throw Problem(
                .forbidden, "the workload \(workload) is connected as \(other.identity)",
                remedy: "give the proxy another name")
        }
        // Services may name it as their endpoint: while it is away nobody else is to get what is meant for it.
        if let owner = try await enrollment.owner(of: workload), owner != identity {
            throw Problem(
                .forbidden, "the workload \(workload) has joined as \(owner)", remedy: "give the proxy another name")
        }
    }

    /// Ends a watch, and with it the registration: not at once, since most of those who are cut off are back in a moment,
    /// and who calls them should not notice.
    package func closeWatch(_ watch: String, of workload: ResourceReference, instance: String) async {
        await hub.end(watch)
        let registration = await hub.takeRegistration(of: watch)
        guard let registration else { return }
        let key = StoreKeys.proxy(workload, instance: instance)
        // Sent away because the store is: nobody can write down meanwhile that it is somewhere else.
        let isCutOff = !(await lease.isHeld)
        await lease.forget(key, registration)
        await depart(key, registration, isCutOff: isCutOff)
    }

    /// Takes a registration out, in a while; where the store is away then, it is still there afterwards.
    private func depart(_ key: String, _ registration: [UInt8], isCutOff: Bool) async {
        await departures.add { [weak self] in
            guard let self else { return }
            if isCutOff, await keeper.membership.awaitsReturn {
                return await depart(key, registration, isCutOff: isCutOff)
            }
            do throws(StoreError) {
                try await lease.remove(key, registration)
            } catch {
                if error != .closed { await depart(key, registration, isCutOff: isCutOff) }
            }
        }
    }

    /// Chosen by us: longer than a proxy waits before it tries the next two addresses.
    static let absence: Duration = .seconds(2)

    /// Lets go of memory that is held for work like that which was done before.
    package func releaseMemory() async {
        await hub.releaseMemory()
        await store.releaseMemory()
    }
}
