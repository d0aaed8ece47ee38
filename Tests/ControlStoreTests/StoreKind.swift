// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import Foundation
import MeshTesting
import Testing

/// The stores that have to keep the same promises.
enum StoreKind: String, CaseIterable, CustomTestStringConvertible {
    case sqlite
    case etcd

    var testDescription: String { rawValue }

    /// An empty store for a test, closed afterwards.
    func withStore<Value>(_ body: (any Store) async throws -> Value) async throws -> Value {
        let directory = try TestDirectory()
        let store: any Store
        switch self {
        case .sqlite: store = try await SQLiteStore.open(path: directory("store.db"))
        case .etcd:
            var settings = EtcdSettings(endpoints: try await EtcdMember.shared.value.endpoints)
            settings.prefix = "/test-\(UUID().uuidString)/"
            store = try EtcdStore(settings)
        }
        do {
            let value = try await body(store)
            await store.close()
            return value
        } catch {
            await store.close()
            throw error
        }
    }
}

/// A directory of its own for a test, removed afterwards.
final class TestDirectory: Sendable {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "weft-store-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// A path inside it.
    func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }
}

extension Store {
    /// Puts without comparing; the revision.
    @discardableResult
    func put(_ key: String, _ value: String, lease: LeaseID? = nil) async throws -> StoreRevision {
        let transaction = StoreTransaction(operations: [.put(key: key, value: Array(value.utf8), lease: lease)])
        return try #require(try await commit(transaction).revision)
    }

    @discardableResult
    func delete(_ key: String) async throws -> StoreRevision {
        try #require(try await commit(StoreTransaction(operations: [.delete(key: key)])).revision)
    }

    func text(_ key: String) async throws -> String? { try await get(key)?.text }

    /// The first batches of a watch.
    func batches(_ count: Int, prefix: String, from revision: StoreRevision) async throws -> [StoreEvents] {
        var batches: [StoreEvents] = []
        for try await batch in watch(prefix: prefix, from: revision) {
            batches.append(batch)
            if batches.count == count { break }
        }
        return batches
    }
}

extension StoreEntry {
    var text: String { String(decoding: value, as: UTF8.self) }
}

extension StoreEvent {
    /// `+key=value` or `-key`.
    var text: String {
        switch self {
        case .put(let entry): "+\(entry.key)=\(entry.text)"
        case .delete(let key): "-\(key)"
        }
    }
}

/// What a call throws; a failure of the test if nothing.
func storeError(_ body: () async throws -> Void) async -> StoreError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? StoreError
    }
}

/// Fails if that takes longer; what hangs would otherwise hold up every test.
func within<Value: Sendable>(
    _ limit: Duration = .seconds(30), _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await Task.sleep(for: limit)
            throw DidNotHappen("it took longer than \(limit)")
        }
        defer { group.cancelAll() }
        guard let value = try await group.next() else { throw DidNotHappen("nothing came of it") }
        return value
    }
}
