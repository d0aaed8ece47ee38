// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlStore
internal import LinuxSystem
internal import MeshModel
internal import ResourceDocuments

/// The numbered revisions of the mesh's configuration, in a store that several replicas may share.
///
/// A revision is written in two steps, since no store takes ten thousand documents at once: the documents go below a key of
/// their own in batches, where nobody looks; then one comparison and swap of the head publishes them all. Whoever is killed
/// between leaves documents that no revision names, which are collected later. Two that write at once both prepare; the head
/// lets one of them through, and the other begins again from what holds now.
actor RevisionLog {
    private let store: any Store
    private let now: @Sendable () -> WallTime

    private(set) var state = MeshState.empty
    /// The records that are kept, oldest first.
    private(set) var history: [RevisionRecord] = []
    private var headRevision: StoreRevision = 0
    private var followers: [@Sendable (MeshState) async -> Void] = []
    /// One of this replica writes; the others wait for their turn.
    private var isWriting = false
    private var writers: [CheckedContinuation<Void, Never>] = []

    /// How much history is kept: whichever of the two is more. Chosen by us.
    static let keptCount = 100
    static let keptTime: Duration = .seconds(30 * 86_400)
    /// A batch stays well below what a store takes in one transaction.
    private static let batchCount = 64
    private static let batchBytes = 1 << 20

    init(_ store: any Store, now: @escaping @Sendable () -> WallTime) {
        self.store = store
        self.now = now
    }

    /// Is told of every new state, in order; the first is the one that holds now.
    func follow(_ body: @escaping @Sendable (MeshState) async -> Void) async {
        followers.append(body)
        await body(state)
    }

    // MARK: Reading

    /// Takes over what the store has; the revision of the store to watch from.
    @discardableResult
    func load() async throws(StoreError) -> StoreRevision {
        // The head first: whatever is published meanwhile is among the records, and is heard of from this revision on.
        let heads = try await store.list(prefix: StoreKeys.head)
        let head = heads.entries.first { $0.key == StoreKeys.head }
        let records = try await store.list(prefix: StoreKeys.revisions)
        let number = head.flatMap { RevisionRecord.number(ofHead: $0.value) } ?? 0
        let kept = records.entries.compactMap { RevisionRecord($0.value) }.filter { $0.number <= number }
        let content = try await content(of: number, kept)
        guard content.revision >= state.revision else { return heads.revision }
        (state, history, headRevision) = (content, kept, head?.modRevision ?? 0)
        await tell()
        return heads.revision
    }

    /// The mesh as it was in a revision; nil where that is not kept, or never was.
    func content(of number: UInt64) async throws(StoreError) -> MeshState? {
        if number == state.revision { return state }
        guard number == 0 || history.contains(where: { $0.number == number }) else { return nil }
        return try await content(of: number, history)
    }

    private func content(of number: UInt64, _ history: [RevisionRecord]) async throws(StoreError) -> MeshState {
        let attempts = Dictionary(history.map { ($0.number, $0.attempt) }) { first, _ in first }
        let kept = history.first?.number ?? 0
        var documents: [ResourceID: ResourceDocument] = [:]
        for entry in try await store.list(prefix: StoreKeys.changes).entries {
            guard let place = ChangePlace(entry.key), place.number <= number else { continue }
            // What was published before the oldest record that is kept stays under the attempt it had.
            guard place.number < kept || attempts[place.number] == place.attempt else { continue }
            documents[place.id] =
                entry.value.isEmpty
                ? nil : ResourceDocument(id: place.id, text: String(decoding: entry.value, as: UTF8.self))
        }
        return MeshState(revision: number, documents: documents)
    }

    /// Goes on to what the store's head says now.
    func catchUp() async throws(StoreError) {
        guard let head = try await store.get(StoreKeys.head), head.modRevision > headRevision else { return }
        guard let number = RevisionRecord.number(ofHead: head.value) else { return }
        while state.revision < number {
            let next = state.revision + 1
            guard let entry = try await store.get(StoreKeys.revision(next)), let record = RevisionRecord(entry.value)
            else {
                // Revisions in between are collected already.
                try await load()
                return
            }
            let changes = try await changes(of: record)
            // Another call may have come here first while this one waited.
            guard state.revision + 1 == next else { continue }
            state = state.applying(changes, as: next)
            history.append(record)
            await tell()
        }
        // Last, so that nobody writes over a head whose content is not here yet.
        headRevision = max(headRevision, head.modRevision)
    }

    private func changes(of record: RevisionRecord) async throws(StoreError) -> [ResourceChange] {
        // Our own need not be read again.
        if let underway, underway.attempt == record.attempt { return underway.changes }
        let prefix = StoreKeys.change(record.number, attempt: record.attempt)
        return try await store.list(prefix: prefix).entries.compactMap { entry in
            guard let id = ChangePlace(entry.key)?.id else { return nil }
            guard !entry.value.isEmpty else { return .delete(id) }
            return ResourceDocument(id: id, text: String(decoding: entry.value, as: UTF8.self)).map { .put($0) }
        }
    }

    private func tell() async {
        for follower in followers { await follower(state) }
    }

    // MARK: Writing

    /// What a writer decides on, given the state that holds: the changes, or nothing where there are none to be made.
    typealias Decision = @Sendable (MeshState) async throws(Problems) -> [ResourceChange]

    /// Writes a revision. `decide` is asked again whenever somebody else was faster, so that what it finds holds for the
    /// state that its changes are put on. Nil where it decided on nothing.
    func write(
        author: String, message: String?, rolledBackTo: UInt64? = nil, _ decide: Decision
    ) async throws(Problems) -> RevisionRecord? {
        // Those of this replica come one after the other; only with other replicas they can be at odds.
        await enter()
        defer { leave() }
        for attempt in 0..<Self.attemptsMax {
            // Both at once: what is decided on is what the head has to be at.
            let (base, head) = (state, headRevision)
            let changes = try await decide(base)
            guard !changes.isEmpty else { return nil }
            let record = RevisionRecord(
                number: base.revision + 1, attempt: Self.draw(), author: author, time: now(), message: message,
                put: UInt64(changes.count { if case .put = $0 { true } else { false } }),
                deleted: UInt64(changes.count { if case .delete = $0 { true } else { false } }),
                rolledBackTo: rolledBackTo)
            do throws(StoreError) {
                try await prepare(changes, record)
                underway = (record.attempt, changes)
                defer { underway = nil }
                if try await publish(record, over: head) {
                    try await catchUp()
                    return record
                }
                try? await discard(record)
                // So that who has lost once does not lose for ever.
                try? await Task.sleep(for: .milliseconds(Int.random(in: 0...min(500, 5 << attempt))))
                try await catchUp()
            } catch {
                throw Problems(error.problem)
            }
        }
        throw Problems(
            Problem(.writeConflict, "others wrote \(Self.attemptsMax) revisions in the meantime", remedy: "try again"))
    }

    /// What is being published; one at a time, as writers take turns.
    private var underway: (attempt: String, changes: [ResourceChange])?

    private static let attemptsMax = 16

    private func enter() async {
        guard isWriting else {
            isWriting = true
            return
        }
        await withCheckedContinuation { writers.append($0) }
    }

    private func leave() {
        if writers.isEmpty { isWriting = false } else { writers.removeFirst().resume() }
    }

    private func prepare(_ changes: [ResourceChange], _ record: RevisionRecord) async throws(StoreError) {
        let prefix = StoreKeys.change(record.number, attempt: record.attempt)
        var batch: [StoreOperation] = []
        var bytes = 0
        for change in changes {
            let value: [UInt8] = if case .put(let document) = change { Array(document.text.utf8) } else { [] }
            if batch.count == Self.batchCount || (bytes + value.count > Self.batchBytes && !batch.isEmpty) {
                _ = try await store.commit(StoreTransaction(operations: batch))
                (batch, bytes) = ([], 0)
            }
            batch.append(.put(key: "\(prefix)\(change.id)", value: value))
            bytes += value.count
        }
        if !batch.isEmpty { _ = try await store.commit(StoreTransaction(operations: batch)) }
    }

    /// True if the head was still as it was read, and is one further now. `head` is 0 where there was none.
    private func publish(_ record: RevisionRecord, over head: StoreRevision) async throws(StoreError) -> Bool {
        let transaction = StoreTransaction(
            compares: [head == 0 ? .absent(StoreKeys.head) : .unchanged(StoreKeys.head, modRevision: head)],
            operations: [
                .put(key: StoreKeys.head, value: record.headBytes),
                .put(key: StoreKeys.revision(record.number), value: record.encode()),
            ])
        do throws(StoreError) {
            return try await store.commit(transaction).revision != nil
        } catch {
            guard case .uncertain = error else { throw error }
            // The record says whether it was ours that got through.
            let entry = try await store.get(StoreKeys.revision(record.number))
            return entry.flatMap { RevisionRecord($0.value) }?.attempt == record.attempt
        }
    }

    private func discard(_ record: RevisionRecord) async throws(StoreError) {
        let prefix = StoreKeys.change(record.number, attempt: record.attempt)
        _ = try await store.commit(StoreTransaction(operations: [.deletePrefix(prefix)]))
    }

    // MARK: Forgetting

    /// Lets go of history that is too old, and of what was prepared and never published. One replica does it at a time; it
    /// does no harm if two do.
    func collect() async throws(StoreError) {
        // All of one moment: what is published while this goes on is not looked at.
        let (oldest, last) = (oldestKept, state.revision)
        let known = Dictionary(history.map { ($0.number, $0.attempt) }) { first, _ in first }
        let firstKnown = history.first?.number ?? 0
        var newest: [ResourceID: ChangePlace] = [:]
        var goners: [String] = []
        for entry in try await store.list(prefix: StoreKeys.changes).entries {
            guard let place = ChangePlace(entry.key) else { continue }
            guard place.number <= last else { continue }
            if place.number >= firstKnown, known[place.number] != place.attempt {
                goners.append(entry.key)
                continue
            }
            guard place.number <= oldest else { continue }
            // Of what is no longer told apart the last word on each resource stays, unless that is that it is gone.
            if let earlier = newest.updateValue(place, forKey: place.id) { goners.append(earlier.key) }
            if entry.value.isEmpty, place.number < oldest {
                goners.append(entry.key)
                newest[place.id] = nil
            }
        }
        for record in history where record.number < oldest { goners.append(StoreKeys.revision(record.number)) }
        for start in stride(from: 0, to: goners.count, by: Self.batchCount) {
            let part = goners[start..<min(start + Self.batchCount, goners.count)]
            _ = try await store.commit(StoreTransaction(operations: part.map { .delete(key: $0) }))
        }
        history.removeAll { $0.number < oldest }
    }

    private var oldestKept: UInt64 {
        let horizon = now() + .seconds(-Self.keptTime.components.seconds)
        let byCount = state.revision > UInt64(Self.keptCount) ? state.revision - UInt64(Self.keptCount) + 1 : 1
        let byTime = history.first { $0.time >= horizon }?.number ?? state.revision
        return min(byCount, byTime)
    }

    private static func draw() -> String {
        var random = KernelRandom()
        return StoreKeys.attempt(random.next())
    }
}

/// What a key of a change says.
private struct ChangePlace {
    let key: String
    let number: UInt64
    let attempt: String
    let id: ResourceID

    init?(_ key: String) {
        let parts = key.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        let revision = parts[1].split(separator: "-", maxSplits: 1)
        guard revision.count == 2, let number = UInt64(revision[0]), let id = ResourceID(parts[2]) else { return nil }
        self.key = key
        self.number = number
        attempt = String(revision[1])
        self.id = id
    }
}
