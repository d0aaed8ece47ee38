// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Foundation
internal import MeshModel

/// The store of several control planes: etcd 3.4 or later, through its JSON gateway.
///
/// Every call goes to one endpoint, and where that does not answer to the next, within ``EtcdSettings/callTimeout``. Reads
/// are linearizable: a member that is cut off from the others answers none. Only what cannot have had an effect is sent
/// again, so that nothing happens twice.
package final class EtcdStore: Store {
    private let client: EtcdClient
    private let names: EtcdNames

    /// Reads the files of the settings; nothing is connected before the first call.
    package init(_ settings: EtcdSettings) throws(StoreError) {
        client = try EtcdClient(settings)
        names = EtcdNames(prefix: settings.prefix)
    }

    package func get(_ key: String) async throws(StoreError) -> StoreEntry? {
        let message = EtcdMessage.Range(key: names.key(key))
        let answer: EtcdAnswer.Range = try await client.call(Self.range, message, limit: Self.answerBytes(entries: 1))
        return answer.kvs?.first.flatMap(names.entry)
    }

    package func list(
        prefix: String, at revision: StoreRevision?
    ) async throws(StoreError) -> StoreListing {
        var tries = 0
        while true {
            do throws(StoreError) {
                return try await pages(prefix, at: revision)
            } catch .compacted(let oldest) {
                // Between two pages the first one's revision may be compacted: then from the beginning, at a newer one.
                tries += 1
                guard revision == nil, tries < 3 else { throw .compacted(oldest: max(oldest, (revision ?? 0) + 1)) }
            }
        }
    }

    private func pages(_ prefix: String, at revision: StoreRevision?) async throws(StoreError) -> StoreListing {
        let whole = names.range(prefix)
        var rest = whole
        var revision = revision
        var entries: [StoreEntry] = []
        var size = 512
        while true {
            let message = EtcdMessage.Range(
                key: Data(rest.lower), rangeEnd: Data(rest.upper), limit: .init(Int64(size)),
                revision: revision.map(EtcdMessage.Number.init))
            let page: EtcdAnswer.Range
            do throws(StoreError) {
                page = try await client.call(Self.range, message, limit: Self.answerBytes(entries: 8))
            } catch  where error == .answerTooLong && size > 1 {
                // Large values: fewer of them at a time.
                size /= 8
                continue
            }
            guard let current = page.header?.revision?.value else { throw Self.incomplete("no revision") }
            entries += (page.kvs ?? []).compactMap(names.entry)
            let listed = revision ?? current
            guard page.more == true, let last = page.kvs?.last else {
                return StoreListing(entries: entries, revision: listed)
            }
            revision = listed
            rest = KeyRange(after: Array(last.key), of: whole)
        }
    }

    package func commit(_ transaction: StoreTransaction) async throws(StoreError) -> StoreOutcome {
        try transaction.check()
        let message = EtcdMessage.Transaction(
            compare: transaction.compares.map(names.compare),
            success: transaction.operations.map(names.operation),
            failure: transaction.compares.map { .init(requestRange: .init(key: names.key($0.key))) })
        let answer: EtcdAnswer.Transaction
        do throws(StoreError) {
            answer = try await client.call(
                "/v3/kv/txn", message, repeatable: false, limit: Self.answerBytes(entries: transaction.compares.count))
        } catch .leaseLost {
            throw .leaseLost(transaction.leases.first ?? LeaseID(number: 0))
        }
        guard answer.succeeded != true else {
            guard let revision = answer.header?.revision?.value else { throw Self.incomplete("no revision") }
            return .committed(revision)
        }
        let found = (answer.responses ?? []).flatMap { $0.responseRange?.kvs ?? [] }.compactMap(names.entry)
        return .conflict(found.toldOnce)
    }

    package func watch(prefix: String, from revision: StoreRevision) -> StoreWatch {
        let watch = EtcdWatch(EtcdWatchLoop(client: client, names: names, prefix: prefix, from: max(revision, 1)))
        return StoreWatch { try await watch.next() }
    }

    package func grantLease(timeToLive: Duration) async throws(StoreError) -> LeaseID {
        let seconds = timeToLive.wholeSeconds
        // Should the answer be lost, there is a lease more, and it ends by itself.
        let answer: EtcdAnswer.Lease = try await client.call(
            "/v3/lease/grant", EtcdMessage.LeaseTime(seconds: .init(seconds)))
        guard let lease = answer.id?.value, lease != 0 else { throw Self.incomplete("no lease") }
        return LeaseID(number: lease)
    }

    package func keepAlive(_ lease: LeaseID) async throws(StoreError) -> Bool {
        let answer: EtcdAnswer.KeepAlive = try await client.call(
            "/v3/lease/keepalive", EtcdMessage.Lease(id: .init(lease.number)))
        // A lease that has ended has no time, which is all that tells it.
        return (answer.result?.seconds?.value ?? 0) > 0
    }

    package func revoke(_ lease: LeaseID) async throws(StoreError) {
        do throws(StoreError) {
            let _: EtcdAnswer.Nothing = try await client.call(
                "/v3/lease/revoke", EtcdMessage.Lease(id: .init(lease.number)))
        } catch .leaseLost {
        }
    }

    package func compact(before revision: StoreRevision) async throws(StoreError) {
        guard revision > 1 else { return }
        do throws(StoreError) {
            let _: EtcdAnswer.Nothing = try await client.call(
                "/v3/kv/compaction", EtcdMessage.Compaction(revision: .init(revision - 1)))
        } catch .compacted {
        }
    }

    package func close() async { await client.close() }

    private static let range = "/v3/kv/range"

    /// A value and its key in base64, with what stands around them.
    private static func answerBytes(entries: Int) -> Int { 65_536 + entries * (3 << 19) }

    static func incomplete(_ what: String) -> StoreError {
        .broken(Problem(.storeAnswer, "etcd's answer has \(what)"))
    }
}
