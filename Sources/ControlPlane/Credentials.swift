// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import ControlAPI
internal import ControlStore
internal import Crypto
internal import LinuxSystem
package import MeshModel

/// What somebody may do at the API. Each may do what those before it may.
package enum Role: String, Hashable, Sendable, CaseIterable, Comparable {
    /// Look at everything that is no secret.
    case view
    /// Change the mesh's configuration, make join tokens, look after proxies.
    case operate
    /// All of it: the authority, credentials, who is denied.
    case admin

    package static func < (left: Role, right: Role) -> Bool {
        (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
}

/// Who asks, and what he may.
package struct Principal: Hashable, Sendable {
    package let name: String
    package let role: Role

    package init(name: String, role: Role) {
        self.name = name
        self.role = role
    }

    /// Whoever can open the administrator's socket.
    package static let administrator = Principal(name: "local administrator", role: .admin)
}

/// Who may use the API over TCP: by a token, `weftapi.<id>.<secret>`, or by an identity of the mesh.
package actor Credentials {
    private let store: any Store
    private let now: @Sendable () -> WallTime
    private var attempts = AttemptLimit()

    private static let prefix = "weftapi"

    init(_ store: any Store, now: @escaping @Sendable () -> WallTime) {
        self.store = store
        self.now = now
    }

    /// Makes a credential; its token is told once and kept nowhere. `identity`: by this one in place of a token.
    package func create(
        name: String, role: Role, lifetime: Duration?, identity: SPIFFEID?
    ) async throws(Problem) -> (record: CredentialRecord, token: String?) {
        var random = KernelRandom()
        func draw(_ count: Int) -> String {
            Hexadecimal.text(of: (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) })
        }
        let (id, secret) = (draw(8), draw(32))
        let record = CredentialRecord(
            id: id, name: name, role: role, createdAt: now(), expiresAt: lifetime.map { now() + $0 },
            identity: identity,
            secretHash: identity == nil ? Self.hash(secret) : nil)
        let key = StoreKeys.credential(id)
        do throws(StoreError) {
            _ = try await store.commit(
                StoreTransaction(compares: [.absent(key)], operations: [.put(key: key, value: record.encode())]))
        } catch {
            throw error.problem
        }
        return (record, identity == nil ? "\(Self.prefix).\(id).\(secret)" : nil)
    }

    package func all() async throws(Problem) -> [CredentialRecord] {
        do throws(StoreError) {
            return try await store.list(prefix: StoreKeys.credentials).entries.compactMap {
                try? CredentialRecord.decode($0.value)
            }
        } catch {
            throw error.problem
        }
    }

    /// False where there is none of that id.
    package func delete(_ id: String) async throws(Problem) -> Bool {
        do throws(StoreError) {
            let key = StoreKeys.credential(id)
            guard try await store.get(key) != nil else { return false }
            _ = try await store.commit(StoreTransaction(operations: [.delete(key: key)]))
            return true
        } catch {
            throw error.problem
        }
    }

    /// Whose token this is; throws for one that nobody has, or that has ended.
    package func principal(ofToken token: String, from peer: String) async throws(Problem) -> Principal {
        try attempts.check(peer, now: now())
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        let wrong = Problem(.unauthenticated, "nobody has that token", remedy: "`weft login` with a new one")
        guard parts.count == 3, parts[0] == Self.prefix, parts[1].utf8.count == 16 else {
            attempts.failed(peer, now: now())
            throw wrong
        }
        let entry: StoreEntry?
        do throws(StoreError) { entry = try await store.get(StoreKeys.credential(String(parts[1]))) } catch {
            throw error.problem
        }
        guard let entry, let record = try? CredentialRecord.decode(entry.value), let hash = record.secretHash,
            ConstantTime.areEqual(hash, Self.hash(String(parts[2])))
        else {
            attempts.failed(peer, now: now())
            throw wrong
        }
        if let end = record.expiresAt, end < now() {
            throw Problem(.unauthenticated, "the token ended at \(end)", remedy: "`weft login` with a new one")
        }
        return Principal(name: record.name, role: record.role)
    }

    /// What an identity of the mesh may do here; nil: nothing.
    package func principal(of identity: SPIFFEID) async throws(Problem) -> Principal? {
        let now = now()
        return try await all().filter { $0.identity == identity && $0.expiresAt.map { now <= $0 } ?? true }
            .max { $0.role < $1.role }.map { Principal(name: identity.description, role: $0.role) }
    }

    private static func hash(_ secret: String) -> String {
        Hexadecimal.text(of: Array(SHA256.hash(data: Array(secret.utf8))))
    }
}

/// Comparing secrets in a time that says nothing of where they differ.
enum ConstantTime {
    static func areEqual(_ left: String, _ right: String) -> Bool {
        guard left.utf8.count == right.utf8.count else { return false }
        return zip(left.utf8, right.utf8).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}

/// A credential as the store has it.
package struct CredentialRecord: ControlMessage {
    package var id: String
    package var name: String
    package var role: Role
    package var createdAt: WallTime
    package var expiresAt: WallTime?
    package var identity: SPIFFEID?
    package var secretHash: String?

    package init(
        id: String, name: String, role: Role, createdAt: WallTime, expiresAt: WallTime?, identity: SPIFFEID?,
        secretHash: String?
    ) {
        self.id = id
        self.name = name
        self.role = role
        self.createdAt = createdAt
        self.expiresAt = expiresAt
        self.identity = identity
        self.secretHash = secretHash
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writeFields(into: &writer)
            writer.field("secretHash", ifPresent: secretHash)
        }
    }

    /// What may be shown.
    package func writeFields(into writer: inout JSONWriter) {
        writer.field("id", id)
        writer.field("name", name)
        writer.field("role", role.rawValue)
        writer.field("createdAt", createdAt.description)
        writer.field("expiresAt", ifPresent: expiresAt?.description)
        writer.field("identity", ifPresent: identity?.description)
    }

    package init(_ reader: MessageReader) throws(Problem) {
        id = try reader.text("id")
        name = try reader.text("name")
        role = try reader.value("role", "a role") { Role(rawValue: $0) }
        createdAt = try reader.moment("createdAt")
        expiresAt = reader.contains("expiresAt") ? try reader.moment("expiresAt") : nil
        identity =
            reader.contains("identity")
            ? try reader.value("identity", "a SPIFFE ID", atMost: 2048) { SPIFFEID($0) } : nil
        secretHash = try reader.optionalText("secretHash")
    }
}
