// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import ControlAPI
internal import ControlStore
internal import LinuxSystem
package import MeshModel

/// Who changed what, and who tried: kept in the store, newest ten thousand or ninety days.
package struct AuditLog: Sendable {
    private let store: any Store
    private let now: @Sendable () -> WallTime

    private static let keptCount = 10_000
    private static let keptTime: Duration = .seconds(90 * 86_400)

    init(_ store: any Store, now: @escaping @Sendable () -> WallTime) {
        self.store = store
        self.now = now
    }

    /// Notes something. Where the store does not take it, what was done stays done: the caller has his answer, and the log of
    /// the process has the line.
    package func note(_ action: String, by author: String, on object: String, outcome: ErrorCode?) async {
        var random = KernelRandom()
        let time = now()
        let entry = AuditEntry(
            time: time, author: author, action: action, object: object, outcome: outcome?.label ?? "done")
        let nanoseconds = UInt64(max(0, time.nanoseconds))
        let key = "\(StoreKeys.audit)\(StoreKeys.padded(nanoseconds))-\(String(random.next(), radix: 36))"
        _ = try? await store.commit(StoreTransaction(operations: [.put(key: key, value: entry.encode())]))
    }

    /// The newest entries, newest first.
    package func entries(limit: Int) async throws(Problem) -> [AuditEntry] {
        do throws(StoreError) {
            let all = try await store.list(prefix: StoreKeys.audit).entries
            return all.suffix(limit).reversed().compactMap { try? AuditEntry.decode($0.value) }
        } catch {
            throw error.problem
        }
    }

    func collect() async throws(StoreError) {
        let all = try await store.list(prefix: StoreKeys.audit).entries
        let horizon = now() + .seconds(-Self.keptTime.components.seconds)
        let goners = all.enumerated().filter { index, entry in
            if all.count - index > Self.keptCount { return true }
            guard let entry = try? AuditEntry.decode(entry.value) else { return true }
            return entry.time < horizon
        }
        for start in stride(from: 0, to: goners.count, by: 64) {
            let part = goners[start..<min(start + 64, goners.count)]
            _ = try await store.commit(StoreTransaction(operations: part.map { .delete(key: $0.element.key) }))
        }
    }
}

/// One line of the audit log.
package struct AuditEntry: ControlMessage {
    package var time: WallTime
    package var author: String
    package var action: String
    package var object: String
    /// `done`, or the code of what was wrong.
    package var outcome: String

    package init(time: WallTime, author: String, action: String, object: String, outcome: String) {
        self.time = time
        self.author = author
        self.action = action
        self.object = object
        self.outcome = outcome
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("time", time.description)
            writer.field("author", author)
            writer.field("action", action)
            writer.field("object", object)
            writer.field("outcome", outcome)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        time = try reader.moment("time")
        author = try reader.text("author")
        action = try reader.text("action")
        object = try reader.text("object", atMost: 4096)
        outcome = try reader.text("outcome")
    }
}
