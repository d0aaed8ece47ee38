// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlStore
internal import MeshModel

/// A part of the store that this replica has a copy of, or acts on.
struct Followed: Sendable {
    let prefix: String
    /// From where on the store is asked for changes.
    var next: StoreRevision = 1
    let take: @Sendable (StoreChange) async -> Void
}

/// What the store says, and what is done about it.
extension ControlPlane {
    /// Takes over what is there now; what is to be followed from then on.
    func begin() async throws(StoreError) -> [Followed] {
        // With its revision, so that nothing falls between the two.
        let loaded = try await revisions.load()
        await refreshTrust()
        await beginReturn()
        var all = [Followed(prefix: StoreKeys.head, next: loaded + 1) { await self.headChanged($0) }]
        let others = [
            Followed(prefix: StoreKeys.proxies) { await self.proxiesChanged($0) },
            Followed(prefix: StoreKeys.virtualAddresses) { await self.addressesChanged($0) },
            Followed(prefix: StoreKeys.denied) { await self.deniedChanged($0) },
            Followed(prefix: StoreKeys.roots) { _ in await self.rootsChanged() },
            Followed(prefix: StoreKeys.authorityRequests) { await self.asked($0) },
            Followed(prefix: StoreKeys.authorityAnswers) { await self.answered($0) },
        ]
        for one in others { all.append(try await takeOver(one)) }
        // Whoever comes first is not told of half of it.
        await keeper.tellNow()
        return all
    }

    /// Takes all of a part over anew. Of this part only: what another one has heard meanwhile may be newer than what a
    /// listing that was made a moment ago says of it.
    private func takeOver(_ followed: Followed) async throws(StoreError) -> Followed {
        let listing = try await store.list(prefix: followed.prefix)
        await followed.take(.state(listing))
        var followed = followed
        followed.next = listing.revision + 1
        return followed
    }

    /// Follows a part for as long as the task lives; where its history is gone, all of it is taken over anew.
    func follow(_ followed: Followed) async {
        var followed = followed
        while !Task.isCancelled {
            do {
                for try await batch in store.watch(prefix: followed.prefix, from: followed.next) {
                    await followed.take(.events(batch))
                    followed.next = batch.revision + 1
                }
            } catch let error as StoreError where error.endsHistory {
                if let again = try? await takeOver(followed) { followed = again }
            } catch {
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }

    private func headChanged(_ change: StoreChange) async {
        switch change {
        case .state: _ = try? await revisions.load()
        case .events: try? await revisions.catchUp()
        }
        // Roots of other trust domains are resources.
        await refreshTrust()
    }

    private func proxiesChanged(_ change: StoreChange) async {
        let events = change.events
        let ended = events.filter(\.isDelete).compactMap { StoreKeys.readSession($0.key) }
        // This process was stopped for long, and has not noticed yet.
        if ended.contains(lease.session) {
            await beginReturn()
            await leaseHeld()
        }
        await keeper.apply { membership in
            if case .state = change { membership.forgetRegistrations() }
            for event in events {
                if let session = StoreKeys.readSession(event.key) {
                    membership.set(session: session, isThere: !event.isDelete)
                } else if case .put(let entry) = event {
                    membership.set(try? Registration.decode(entry.value), key: entry.key)
                } else {
                    membership.set(nil, key: event.key)
                }
            }
        }
        if !ended.isEmpty { await collectAbsent() }
    }

    private func addressesChanged(_ change: StoreChange) async {
        await keeper.apply { membership in
            if case .state = change { membership.forgetAddresses() }
            for event in change.events {
                switch event {
                case .put(let entry):
                    if let (service, addresses) = VirtualAddresses.read(entry.key, entry.value) {
                        membership.set(addresses, of: service)
                    }
                case .delete(let key):
                    if let (service, _) = VirtualAddresses.read(key, []) { membership.set(nil, of: service) }
                }
            }
        }
    }

    private func deniedChanged(_ change: StoreChange) async {
        await keeper.applyDenied { list in
            if case .state = change { list = DeniedPeers() }
            for event in change.events { list.set(event.key, isDenied: !event.isDelete) }
        }
    }

    /// Another replica asks for its intermediate.
    private func asked(_ change: StoreChange) async {
        guard change.events.contains(where: { !$0.isDelete }) else { return }
        try? await authority.answerOthers()
    }

    private func answered(_ change: StoreChange) async {
        let ours = StoreKeys.authorityAnswer(settings.replica)
        if change.events.contains(where: { $0.key == ours && !$0.isDelete }) { await rootsChanged() }
    }
}

extension StoreChange {
    /// What there is, as if it had just been put there.
    fileprivate var events: [StoreEvent] {
        switch self {
        case .state(let listing): listing.entries.map { .put($0) }
        case .events(let batch): batch.events
        }
    }
}

extension StoreError {
    /// Whoever followed the store has to begin anew.
    fileprivate var endsHistory: Bool {
        switch self {
        case .compacted, .futureRevision: true
        default: false
        }
    }
}

extension DeniedPeers {
    fileprivate mutating func set(_ key: String, isDenied: Bool) {
        let name = key.dropFirst(StoreKeys.denied.count)
        if name.hasPrefix("serial/") {
            let serial = String(name.dropFirst("serial/".count))
            if isDenied { serials.insert(serial) } else { serials.remove(serial) }
        } else if name.hasPrefix("identity/"), let identity = SPIFFEID(name.dropFirst("identity/".count)) {
            if isDenied { identities.insert(identity) } else { identities.remove(identity) }
        }
    }
}
