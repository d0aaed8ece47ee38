// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// That one of several candidates leads, for as long as its key exists.
///
/// Whoever acts as leader puts ``isHeld`` into each transaction: a leader that was cut off, and does not know yet that
/// another one has taken over, can then change nothing.
package struct Leadership: Hashable, Sendable {
    /// What is led.
    package let name: String
    package let key: String
    package let createRevision: StoreRevision
    package let lease: LeaseID

    package var isHeld: StoreCompare { .created(key, createRevision: createRevision) }
}

extension Store {
    /// Stands for election and waits until it is won: candidates lead in the order of their coming. Where this throws, or
    /// the task is cancelled, the candidacy is taken back; should that not work, it ends with its lease, as leadership does.
    ///
    /// Each candidate is a key `name/lease` that holds `value`; the oldest leads. A lease can stand once for each name.
    ///
    /// - Throws: ``StoreError/leaseLost(_:)`` where the lease ends while waiting.
    package func campaign(
        name: String, value: [UInt8], lease: LeaseID
    ) async throws(StoreError) -> Leadership {
        let key = "\(name)/\(lease)"
        // Not to be cancelled half-way: whether there is a key that has to be taken back must be known.
        let standing = await Task { () async -> Result<Leadership, StoreError> in
            do throws(StoreError) {
                return .success(try await stand(name: name, key: key, value: value, lease: lease))
            } catch {
                return .failure(error)
            }
        }.value
        let candidacy = try standing.get()
        do throws(StoreError) {
            try await waitForTurn(candidacy)
            return candidacy
        } catch {
            // Where this task was cancelled, a call made by it would be too.
            _ = await Task { try? await resign(candidacy) }.value
            throw error
        }
    }

    /// Gives leadership, or a candidacy, back; nothing happens where it is lost.
    package func resign(_ leadership: Leadership) async throws(StoreError) {
        let transaction = StoreTransaction(
            compares: [leadership.isHeld], operations: [.delete(key: leadership.key)])
        do throws(StoreError) {
            _ = try await commit(transaction)
        } catch .uncertain {
            // Once more does no harm: the same key, created anew, is another leadership.
            _ = try await commit(transaction)
        }
    }

    /// The entry of who leads now; nil if nobody does.
    package func leader(of name: String) async throws(StoreError) -> StoreEntry? {
        try await list(prefix: "\(name)/").entries.min { $0.createRevision < $1.createRevision }
    }

    private func stand(
        name: String, key: String, value: [UInt8], lease: LeaseID
    ) async throws(StoreError) -> Leadership {
        let transaction = StoreTransaction(
            compares: [.absent(key)], operations: [.put(key: key, value: value, lease: lease)])
        do throws(StoreError) {
            switch try await commit(transaction) {
            case .committed(let revision):
                return Leadership(name: name, key: key, createRevision: revision, lease: lease)
            case .conflict(let entries):
                guard let old = entries.first, old.lease == lease else { throw StoreError.leaseLost(lease) }
                return Leadership(name: name, key: key, createRevision: old.createRevision, lease: lease)
            }
        } catch .uncertain {
            // Nobody else writes this key, so what is there now is ours.
            guard let entry = try await get(key) else {
                throw .unavailable(StoreError.leaseLost(lease).problem)
            }
            return Leadership(name: name, key: key, createRevision: entry.createRevision, lease: lease)
        }
    }

    private func waitForTurn(_ candidacy: Leadership) async throws(StoreError) {
        let prefix = "\(candidacy.name)/"
        while true {
            let listing = try await list(prefix: prefix)
            guard listing.entries.contains(where: { $0.key == candidacy.key }) else {
                throw .leaseLost(candidacy.lease)
            }
            let isFirst = !listing.entries.contains { $0.createRevision < candidacy.createRevision }
            guard !isFirst else { return }
            do {
                for try await batch in watch(prefix: prefix, from: listing.revision + 1) {
                    // Only that somebody left can make a difference.
                    if batch.events.contains(where: \.isDelete) { break }
                }
                if Task.isCancelled { throw StoreError.cancelled }
            } catch StoreError.compacted {
                continue
            } catch {
                throw error as? StoreError ?? .cancelled
            }
        }
    }
}

extension StoreEvent {
    package var isDelete: Bool {
        if case .delete = self { true } else { false }
    }
}
