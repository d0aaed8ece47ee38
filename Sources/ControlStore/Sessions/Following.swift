// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What somebody who holds a copy of a part of the store has to do to it.
package enum StoreChange: Hashable, Sendable {
    /// Replace all of it.
    case state(StoreListing)
    /// Apply these.
    case events(StoreEvents)
}

/// States and the changes to them.
package typealias StoreFollowing = AsyncThrowingStream<StoreChange, any Error>

extension Store {
    /// Everything below a prefix as it is now, then every change: list and watch in one. Where history has been compacted
    /// under a consumer that was too slow, or the store was put back to an older state, the next element is a whole state
    /// again. A store that cannot be reached is waited for.
    ///
    /// It ends only with an error that waiting does not mend.
    package func follow(prefix: String) -> StoreFollowing {
        let follower = Follower(store: self, prefix: prefix)
        return StoreFollowing { try await follower.next() }
    }
}

/// The place where a consumer of ``Store/follow(prefix:)`` stands.
private actor Follower {
    private let store: any Store
    private let prefix: String
    /// Nil where the state has to be listed first.
    private var watch: Watching?

    /// An iterator cannot be advanced where it lies, in an actor, so it is taken out for that.
    private final class Watching {
        private var iterator: StoreWatch.AsyncIterator

        init(_ watch: StoreWatch) { iterator = watch.makeAsyncIterator() }

        func next(isolation: isolated (any Actor)?) async throws -> StoreEvents? {
            try await iterator.next(isolation: isolation)
        }
    }

    init(store: any Store, prefix: String) {
        self.store = store
        self.prefix = prefix
    }

    func next() async throws -> StoreChange? {
        while true {
            do {
                guard let watch else {
                    let listing = try await store.list(prefix: prefix)
                    watch = Watching(store.watch(prefix: prefix, from: listing.revision + 1))
                    return .state(listing)
                }
                guard let batch = try await watch.next(isolation: self) else { return nil }
                return .events(batch)
            } catch let error as StoreError {
                switch error {
                case .compacted, .futureRevision: break
                case .unavailable: try await Task.sleep(for: .milliseconds(500))
                default: throw error
                }
                watch = nil
            }
        }
    }
}
