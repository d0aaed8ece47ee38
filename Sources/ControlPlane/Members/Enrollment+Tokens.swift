// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CertificateAuthority
package import ControlAPI
internal import ControlStore
package import MeshModel

/// Tokens and members: what there is of them, and what of it is forgotten.
extension Enrollment {
    /// Makes a token that lets one machine join as `service`. `addresses` are those of the join port.
    package func createToken(
        for service: ResourceReference, lifetime: Duration, addresses: [String], author: String
    ) async throws(Problem) -> (token: JoinToken, record: TokenRecord) {
        guard Self.tokenLifetimeRange.contains(lifetime) else {
            throw Problem(
                .badValue, at: "ttl", "a token cannot hold for \(DurationText.text(lifetime))",
                remedy: "from 1m to 24h")
        }
        let token = JoinToken.draw(rootDigest: try await authority.rootDigest(), addresses: addresses)
        let time = now()
        let record = TokenRecord(
            id: token.id, secretHash: token.secretHash, service: service, author: author, createdAt: time,
            expiresAt: time + lifetime)
        let key = StoreKeys.token(token.id)
        try await commit([.absent(key)], [.put(key: key, value: record.encode())])
        return (token, record)
    }

    package func tokens() async throws(Problem) -> [TokenRecord] {
        try await list(StoreKeys.tokens).compactMap { try? TokenRecord.decode($0.value) }
    }

    package func members() async throws(Problem) -> [MemberRecord] {
        try await list(StoreKeys.members).compactMap { try? MemberRecord.decode($0.value) }
    }

    /// Who has joined under a name; nil where nobody has.
    func owner(of workload: ResourceReference) async throws(Problem) -> SPIFFEID? {
        try await get(StoreKeys.member(workload)).flatMap { try? MemberRecord.decode($0.value) }?.identity
    }

    /// Takes a token back; false where there is none of that id.
    package func deleteToken(_ id: String) async throws(Problem) -> Bool {
        let key = StoreKeys.token(id)
        guard try await get(key) != nil else { return false }
        try await commit([], [.delete(key: key)])
        return true
    }

    /// Forgets tokens a day after their end, whoever tries one then is told that it is unknown; and what was said against
    /// certificates that have all ended, so that machines which come and go leave nothing behind.
    func collect() async throws(Problem) {
        for record in try await tokens() where record.expiresAt + .seconds(86_400) < now() {
            try await commit([], [.delete(key: StoreKeys.token(record.id))])
        }
        for prefix in [StoreKeys.deniedSerials, StoreKeys.removals] {
            for entry in try await list(prefix) where Self.begin(of: entry) + Self.longestUse < now() {
                try await commit([.unchanged(entry)], [.delete(key: entry.key)])
            }
        }
    }

    /// From when a certificate is issued until its key cannot renew it any more.
    private static let longestUse = CertificateLifetime.workloadRange.upperBound + grace

    /// When a denial was written: its text begins with the time.
    private static func begin(of entry: StoreEntry) -> WallTime {
        let text = String(decoding: entry.value.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
        return WallTime(timestamp: text) ?? WallTime(nanoseconds: .max)
    }
}
