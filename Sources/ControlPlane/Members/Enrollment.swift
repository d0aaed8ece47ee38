// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import CertificateAuthority
package import ControlAPI
internal import ControlStore
internal import Crypto
internal import LinuxSystem
package import MeshModel

/// How a machine becomes a workload of the mesh, and stays one.
///
/// | it has | it gets a certificate by | of whom |
/// |---|---|---|
/// | a join token | ``join(_:from:)`` | anybody who has the token, once |
/// | a certificate | ``renew(_:identity:serial:)`` | whoever proved it in the handshake |
/// | a certificate that has expired | ``challenge(_:)``, ``renewExpired(_:from:)`` | who has its key, for seven days |
package actor Enrollment {
    private let store: any Store
    private let authority: AuthorityKeeper
    private let audit: AuditLog
    /// Of the certificates that are given.
    private let lifetime: Duration
    private let now: @Sendable () -> WallTime
    private let nonceKey: SymmetricKey
    private var attempts = AttemptLimit()

    /// Of a token. Chosen by the posture: long enough to carry it to a machine, short enough to be forgotten on one.
    package static let tokenLifetime: Duration = .seconds(3600)
    package static let tokenLifetimeRange: ClosedRange<Duration> = .seconds(60) ... .seconds(86_400)
    /// How long after its end a certificate can still be renewed by its key alone.
    private static let grace: Duration = .seconds(7 * 86_400)
    private static let nonceLifetime: Duration = .seconds(60)

    init(
        _ store: any Store, _ authority: AuthorityKeeper, _ audit: AuditLog,
        lifetime: Duration = CertificateLifetime.workload, now: @escaping @Sendable () -> WallTime
    ) {
        self.store = store
        self.authority = authority
        self.audit = audit
        self.lifetime = lifetime
        self.now = now
        nonceKey = SymmetricKey(size: .bits256)
    }

    // MARK: Tokens

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

    /// Takes a token back; false where there is none of that id.
    package func deleteToken(_ id: String) async throws(Problem) -> Bool {
        let key = StoreKeys.token(id)
        guard try await get(key) != nil else { return false }
        try await commit([], [.delete(key: key)])
        return true
    }

    /// Forgets tokens a day after their end. Whoever tries one then is told that it is unknown.
    func collect() async throws(Problem) {
        for record in try await tokens() where record.expiresAt + .seconds(86_400) < now() {
            try await commit([], [.delete(key: StoreKeys.token(record.id))])
        }
    }

    // MARK: Joining

    /// What came of a join.
    package struct Joined: Sendable {
        package let member: MemberRecord
        package let certificate: CertificateAnswer
    }

    /// Exchanges a token for a certificate. The same key may come again with it, as after an answer that was lost; another
    /// is refused and told of. `peer` is where the request came from, for the limit on guesses.
    package func join(_ request: JoinRequest, from peer: String) async throws(Problem) -> Joined {
        try attempts.check(peer, now: now())
        let key = try CertificateRequest(pem: request.csr)
        let keyHash = Self.hash(key.publicKey)
        let (token, entry, record) = try await find(request.token, peer)
        let workload = record.usedBy ?? Self.workload(request.name, record.service)
        if let known = record.keyHash, known != keyHash {
            await audit.note("join", by: peer, on: "token/\(token.id)", outcome: .joinTokenUsed)
            throw Problem(
                .joinTokenUsed, "token \(token.id) was used by \(workload), at \(record.usedAt?.description ?? "?")",
                remedy: "if that was not you, deny \(workload); make a new token")
        }
        guard now() <= record.expiresAt || record.keyHash != nil else {
            throw Problem(
                .joinTokenExpired, "token \(token.id) ended at \(record.expiresAt)", remedy: "make a new one")
        }
        guard let trustDomain = await authority.trustDomain else {
            throw Problem(.authorityNotReady, "there is no mesh")
        }
        let identity = SPIFFEID(
            trustDomain: trustDomain, namespace: record.service.namespace, serviceAccount: record.service.name)
        try await requireAllowed(identity, serial: nil)
        let old = try await get(StoreKeys.member(workload))
        // A token for one service is no way to the name, and with it to the address, of a workload of another.
        if let old, let owner = try? MemberRecord.decode(old.value), owner.identity != identity {
            throw Problem(
                .forbidden, at: "name", "\(workload) is \(owner.identity)",
                remedy: "join under another name")
        }
        let (answer, serial, root) = try await issue(key, identity)
        var member = MemberRecord(
            workload: workload, identity: identity, serial: serial, keyHash: keyHash, notAfter: answer.notAfter,
            joinedAt: now())
        member.root = root
        member.issuedAt = now()
        var used = record
        used.usedBy = workload
        used.keyHash = keyHash
        used.usedAt = record.usedAt ?? now()
        let memberKey = StoreKeys.member(workload)
        let isOurs = try await tryCommit(
            [.unchanged(entry), old.map { .unchanged($0) } ?? .absent(memberKey)],
            [
                .put(key: entry.key, value: used.encode()),
                .put(key: memberKey, value: member.encode()),
                .put(key: StoreKeys.serial(serial), value: Array(workload.description.utf8)),
            ])
        // Somebody used it in this moment; what he did decides.
        guard isOurs else { return try await join(request, from: peer) }
        await audit.note("join", by: peer, on: "member/\(workload)", outcome: nil)
        return Joined(member: member, certificate: answer)
    }

    private func find(
        _ text: String, _ peer: String
    ) async throws(Problem) -> (JoinToken, StoreEntry, TokenRecord) {
        guard let token = JoinToken(text) else {
            attempts.failed(peer, now: now())
            throw Problem(.joinTokenInvalid, "that is not a join token", remedy: "copy all of what was printed")
        }
        guard let entry = try await get(StoreKeys.token(token.id)), let record = try? TokenRecord.decode(entry.value),
            ConstantTime.areEqual(record.secretHash, token.secretHash)
        else {
            attempts.failed(peer, now: now())
            await audit.note("join", by: peer, on: "token/\(token.id)", outcome: .joinTokenInvalid)
            throw Problem(.joinTokenInvalid, "nobody knows the token \(token.id)", remedy: "make a new one")
        }
        return (token, entry, record)
    }

    private static func workload(_ wanted: ResourceName?, _ service: ResourceReference) -> ResourceReference {
        var random = KernelRandom()
        let drawn = "\(service.name)-" + String(random.next() % 0x8000_0000, radix: 36)
        return ResourceReference(namespace: service.namespace, name: wanted ?? ResourceName(drawn) ?? service.name)
    }

    // MARK: Renewing

    /// A new certificate for who proved the old one in the handshake.
    package func renew(
        _ request: CertificateRequestMessage, identity: SPIFFEID, serial: String
    ) async throws(Problem) -> CertificateAnswer {
        try await requireAllowed(identity, serial: serial)
        let key = try CertificateRequest(pem: request.csr)
        let keyHash = Self.hash(key.publicKey)
        let found = try await member(ofSerial: serial, identity)
        guard found?.member.isFrozen != true else { throw Self.frozen(identity) }
        let (answer, newSerial, root) = try await issue(key, identity)
        // Who comes with the one before has missed the answer, and has kept the key that it was for.
        if let found, found.member.serial == serial || found.member.keyHash == keyHash {
            try await keep(found, newSerial, keyHash, answer.notAfter, root, renewed: serial)
        }
        return answer
    }

    /// A workload has come with this certificate. That it is in force there is written down, once.
    func noteShown(_ serial: String, by identity: SPIFFEID) async {
        guard case (let entry, var member)?? = try? await member(ofSerial: serial, identity), member.serial == serial,
            member.shownAt == nil
        else { return }
        member.shownAt = now()
        // Where it does not come about, the next one who asks finds it undone; nobody is worse off than waited for.
        _ = try? await tryCommit([.unchanged(entry)], [.put(key: entry.key, value: member.encode())])
    }

    /// A nonce for who has an expired certificate. Nothing is kept: the nonce proves itself.
    package func challenge(_ request: RenewChallengeRequest, from peer: String) throws(Problem) -> RenewChallenge {
        try attempts.check(peer, now: now())
        let leaf = try Self.leaf(request.certificate)
        return RenewChallenge(nonce: Base64.text(of: nonce(for: leaf, at: now().seconds)))
    }

    /// A new certificate for who has the key of one that expired less than seven days ago and was the newest of its workload.
    package func renewExpired(_ request: RenewRequest, from peer: String) async throws(Problem) -> CertificateAnswer {
        try attempts.check(peer, now: now())
        do throws(Problem) {
            return try await renewProven(request, from: peer)
        } catch {
            attempts.failed(peer, now: now())
            throw error
        }
    }

    private func renewProven(_ request: RenewRequest, from peer: String) async throws(Problem) -> CertificateAnswer {
        let leaf = try Self.leaf(request.certificate)
        let key = try CertificateRequest(pem: request.csr)
        guard let identity = leaf.identity, let oldKey = leaf.publicKey, let nonce = Base64.bytes(of: request.nonce),
            let signature = Base64.bytes(of: request.signature), isOurs(nonce, leaf)
        else { throw Problem(.badRequest, "the request or its nonce is not right", remedy: "ask for another nonce") }
        guard oldKey.vouches(for: nonce + key.der, signature: signature) else {
            throw Problem(.badRequest, "the signature is not by the key of the certificate")
        }
        guard await isIssuedHere(leaf) else { throw Problem(.badSignature, "the certificate is not of this mesh") }
        guard now() <= leaf.validity.notAfter + Self.grace else {
            throw Problem(.graceOver, "the certificate expired at \(leaf.validity.notAfter)", remedy: "join again")
        }
        let serial = CertificateFacts(leaf).serialNumber
        try await requireAllowed(identity, serial: serial)
        let keyHash = Self.hash(key.publicKey)
        guard case (let entry, var member)? = try await member(ofSerial: serial, identity) else {
            throw Problem(.certificateSuperseded, "certificate \(serial) is not the newest of \(identity)")
        }
        guard !member.isFrozen else { throw Self.frozen(identity) }
        if member.serial == serial || member.keyHash == keyHash {
            let (answer, newSerial, root) = try await issue(key, identity)
            try await keep((entry, member), newSerial, keyHash, answer.notAfter, root, renewed: serial)
            await audit.note("renew", by: peer, on: "member/\(member.workload)", outcome: nil)
            return answer
        }
        // The same certificate, another key: one of the two who have it should not.
        member.isFrozen = true
        try await commit([.unchanged(entry)], [.put(key: entry.key, value: member.encode())])
        await audit.note("renew", by: peer, on: "member/\(member.workload)", outcome: .identityFrozen)
        throw Self.frozen(identity)
    }

    /// Gives a frozen workload back to whoever has its newest certificate; false where there is none of that name.
    package func thaw(_ workload: ResourceReference) async throws(Problem) -> Bool {
        guard let entry = try await get(StoreKeys.member(workload)), var member = try? MemberRecord.decode(entry.value)
        else { return false }
        member.isFrozen = false
        try await commit([.unchanged(entry)], [.put(key: entry.key, value: member.encode())])
        return true
    }

    /// Takes a workload out: its certificate is denied, and it can neither renew nor come back without a token.
    package func remove(_ workload: ResourceReference) async throws(Problem) -> MemberRecord? {
        guard let entry = try await get(StoreKeys.member(workload)), let member = try? MemberRecord.decode(entry.value)
        else { return nil }
        try await commit(
            [],
            [
                .delete(key: entry.key), .delete(key: StoreKeys.serial(member.serial)),
                .put(key: StoreKeys.deniedSerial(member.serial), value: Array(now().description.utf8)),
            ])
        return member
    }

    // MARK: Inside

    private static func frozen(_ identity: SPIFFEID) -> Problem {
        Problem(
            .identityFrozen, "\(identity) was renewed with two keys for one certificate",
            remedy: "an operator has to decide: `weft identity thaw` or `weft identity deny`")
    }

    private func issue(
        _ key: CertificateRequest, _ identity: SPIFFEID
    ) async throws(Problem) -> (CertificateAnswer, serial: String, root: String?) {
        let certificate = try await authority.issue(key, identity: identity, lifetime: lifetime)
        let answer = CertificateAnswer(
            chain: certificate.chain.map(\.pem).joined(),
            trust: [identity.trustDomain: await authority.bundle], notAfter: certificate.leaf.validity.notAfter)
        let root = certificate.roots.first.map { CertificateFacts($0).fingerprint }
        return (answer, CertificateFacts(certificate.leaf).serialNumber, root)
    }

    private func isIssuedHere(_ leaf: SignedCertificate) async -> Bool {
        await authority.hasIssued(leaf)
    }

    private func requireAllowed(_ identity: SPIFFEID, serial: String?) async throws(Problem) {
        let byIdentity = try await get(StoreKeys.deniedIdentity(identity)) != nil
        var bySerial = false
        if let serial { bySerial = try await get(StoreKeys.deniedSerial(serial)) != nil }
        guard !byIdentity, !bySerial else {
            throw Problem(.identityDenied, "\(identity) is denied", remedy: "`weft identity list` says since when")
        }
    }

    /// The member that has this certificate as its newest, or had it before that.
    private func member(
        ofSerial serial: String, _ identity: SPIFFEID
    ) async throws(Problem) -> (entry: StoreEntry, member: MemberRecord)? {
        guard let place = try await get(StoreKeys.serial(serial)),
            let workload = ResourceReference(String(decoding: place.value, as: UTF8.self)),
            let entry = try await get(StoreKeys.member(workload)), let member = try? MemberRecord.decode(entry.value),
            member.identity == identity
        else { return nil }
        return (entry, member)
    }

    private func keep(
        _ found: (entry: StoreEntry, member: MemberRecord), _ serial: String, _ keyHash: String, _ notAfter: WallTime,
        _ root: String?, renewed: String? = nil
    ) async throws(Problem) {
        var member = found.member
        member.renewedSerial = renewed ?? member.serial
        member.serial = serial
        member.keyHash = keyHash
        member.notAfter = notAfter
        member.root = root
        member.issuedAt = now()
        member.shownAt = nil
        var operations: [StoreOperation] = [
            .put(key: found.entry.key, value: member.encode()),
            .put(key: StoreKeys.serial(serial), value: Array(member.workload.description.utf8)),
        ]
        // The certificate before stays known, since whoever missed the answer has to come again with it.
        for gone in [found.member.serial, found.member.renewedSerial].compactMap(\.self)
        where gone != member.renewedSerial && gone != serial {
            operations.append(.delete(key: StoreKeys.serial(gone)))
        }
        try await commit([.unchanged(found.entry)], operations)
    }

    private static func leaf(_ pem: String) throws(Problem) -> SignedCertificate {
        guard let leaf = SignedCertificate.all(inPEM: pem)?.first else {
            throw Problem(.badRequest, at: "certificate", "it is not a certificate in PEM")
        }
        return leaf
    }

    private static func hash(_ key: PublicKey) -> String { Hexadecimal.text(of: Array(SHA256.hash(data: key.der))) }

    /// Eight bytes of time, then what only this process can have made for this certificate at that time.
    private func nonce(for leaf: SignedCertificate, at seconds: Int64) -> [UInt8] {
        let time = (0..<8).map { UInt8(truncatingIfNeeded: seconds >> (8 * (7 - Int64($0)))) }
        return time + Array(HMAC<SHA256>.authenticationCode(for: time + leaf.der, using: nonceKey))
    }

    private func isOurs(_ nonce: [UInt8], _ leaf: SignedCertificate) -> Bool {
        guard nonce.count == 40 else { return false }
        let seconds = nonce.prefix(8).reduce(Int64(0)) { $0 << 8 | Int64($1) }
        guard (now().seconds - Self.nonceLifetime.components.seconds...now().seconds).contains(seconds) else {
            return false
        }
        let (time, code) = (Array(nonce.prefix(8)), Array(nonce.dropFirst(8)))
        return HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: time + leaf.der, using: nonceKey)
    }

    // MARK: The store

    private func get(_ key: String) async throws(Problem) -> StoreEntry? {
        do throws(StoreError) { return try await store.get(key) } catch { throw error.problem }
    }

    private func list(_ prefix: String) async throws(Problem) -> [StoreEntry] {
        do throws(StoreError) { return try await store.list(prefix: prefix).entries } catch { throw error.problem }
    }

    private func tryCommit(
        _ compares: [StoreCompare], _ operations: [StoreOperation]
    ) async throws(Problem) -> Bool {
        do throws(StoreError) {
            return try await store.commit(StoreTransaction(compares: compares, operations: operations)).revision != nil
        } catch {
            throw error.problem
        }
    }

    private func commit(_ compares: [StoreCompare], _ operations: [StoreOperation]) async throws(Problem) {
        guard try await tryCommit(compares, operations) else {
            throw Problem(.writeConflict, "somebody else changed this in the same moment", remedy: "try again")
        }
    }
}

/// How often somebody may be wrong: ten times a minute from one address, two hundred times from all of them together.
struct AttemptLimit {
    private var failures: [String: [WallTime]] = [:]
    private var all: [WallTime] = []

    private static let window: Duration = .seconds(60)
    private static let perPeer = 10
    private static let total = 200

    func check(_ peer: String, now: WallTime) throws(Problem) {
        let since = now + .seconds(-60)
        guard (failures[peer] ?? []).count(where: { $0 > since }) < Self.perPeer,
            all.count(where: { $0 > since }) < Self.total
        else {
            throw Problem(.tooManyAttempts, "too many attempts were wrong", remedy: "wait a minute")
        }
    }

    mutating func failed(_ peer: String, now: WallTime) {
        let since = now + .seconds(-60)
        all = all.filter { $0 > since } + [now]
        failures = failures.compactMapValues { times in
            let recent = times.filter { $0 > since }
            return recent.isEmpty ? nil : recent
        }
        failures[peer, default: []].append(now)
    }
}
