// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Foundation

/// Our keys and etcd's, which begin with a prefix, and what is made of them.
struct EtcdNames: Sendable {
    private let prefix: [UInt8]

    init(prefix: String) { self.prefix = Array(prefix.utf8) }

    func key(_ key: String) -> Data { Data(prefix + Array(key.utf8)) }

    func range(_ prefix: String) -> KeyRange {
        KeyRange(bytes: self.prefix + Array(prefix.utf8))
    }

    /// Nil for a key that is not text: somebody else's, since none of ours can be.
    func name(_ key: Data) -> String? {
        guard key.starts(with: prefix) else { return nil }
        return String(validating: key.dropFirst(prefix.count), as: UTF8.self)
    }

    func entry(_ found: EtcdAnswer.KeyValue) -> StoreEntry? {
        guard let key = name(found.key), let modified = found.modRevision?.value,
            let created = found.createRevision?.value
        else { return nil }
        let lease = found.lease?.value ?? 0
        return StoreEntry(
            key: key, value: found.value.map(Array.init) ?? [], createRevision: created, modRevision: modified,
            lease: lease == 0 ? nil : LeaseID(number: lease))
    }

    func compare(_ compare: StoreCompare) -> EtcdMessage.Compare {
        let key = key(compare.key)
        return switch compare {
        case .absent: .init(key: key, target: "CREATE", createRevision: .init(0))
        case .unchanged(_, let revision): .init(key: key, target: "MOD", modRevision: .init(revision))
        case .created(_, let revision): .init(key: key, target: "CREATE", createRevision: .init(revision))
        case .holds(_, let value): .init(key: key, target: "VALUE", value: Data(value))
        }
    }

    func operation(_ operation: StoreOperation) -> EtcdMessage.Operation {
        switch operation {
        case .put(let name, let value, let lease):
            let lease = lease.map { EtcdMessage.Number($0.number) }
            return .init(requestPut: .init(key: key(name), value: Data(value), lease: lease))
        case .delete(let name): return .init(requestDeleteRange: .init(key: key(name)))
        case .deletePrefix(let prefix):
            let range = range(prefix)
            return .init(requestDeleteRange: .init(key: Data(range.lower), rangeEnd: Data(range.upper)))
        }
    }
}

extension StoreTransaction {
    var leases: [LeaseID] {
        operations.compactMap { operation in
            if case .put(_, _, let lease) = operation { lease } else { nil }
        }
    }
}
