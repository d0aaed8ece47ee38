// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The place where a watch stands. It reads from the history whenever its consumer wants more, so that a slow one costs
/// nothing.
actor SQLiteWatch {
    private let store: SQLiteStore
    private let range: KeyRange
    private var next: StoreRevision
    private var waiting: ArraySlice<StoreEvents> = []

    init(store: SQLiteStore, range: KeyRange, from revision: StoreRevision) {
        self.store = store
        self.range = range
        next = revision
    }

    func next() async throws(StoreError) -> StoreEvents {
        while true {
            if let batch = waiting.popFirst() { return batch }
            let (batches, newest) = try await store.events(in: range, from: next)
            waiting = batches[...]
            next = newest + 1
        }
    }
}
