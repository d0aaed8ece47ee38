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
    let authority: AuthorityKeeper
    private let audit: AuditLog
    /// Of the certificates that are given.
    private let lifetime: Duration
    let now: @Sendable () -> WallTime
    private let nonceKey: SymmetricKey
    private var attempts = AttemptLimit()

    /// Of a token. Chosen by the posture: long enough to carry it to a machine, short enough to be forgotten on one.
    package static let tokenLifetime: Duration = .seconds(3600)
    package static let tokenLifetimeRange: ClosedRange<Duration> = .seconds(60) ... .seconds(86_400)
    /// How long after its end a certificate can still be renewed by its key alone.
    static let grace: Duration = .seconds(7 * 86_400)
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

    // MARK: Joining

    /// What came of a join.
    package struct Joined: Sendable {
        package let member: MemberRecord
        package let certificate: CertificateAnswer
    }

    /// Exchanges a token for a certificate. The same key may come again with it, as after an answer that was lost; another
    /// is refused and told of. `peer` is where the request came from, for the limit on guesses; `written` is whom the mesh's
    /// configuration expects under a name.
    package func join(
        _ request: JoinRequest, from peer: String,
        written: @Sendable (ResourceReference) -> SPIFFEID? = { _ in nil }
    ) async throws(Problem) -> Joined {
        try attempts.check(peer, now: now())
        do throws(Problem) { return try await exchange(request, peer, written) } catch {
            if Self.refusals.contains(error.code) {
                let token = JoinToken(request.token).map { "token/\($0.id)" } ?? "token"
                await audit.note("join", by: peer, on: token, outcome: error.code)
            }
            throw error
        }
    }

    /// What is said to somebody who may not join; the rest is nobody's fault, or may go well at the next try.
    private static let refusals: Set<ErrorCode> = [
        .joinTokenInvalid, .joinTokenExpired, .joinTokenUsed, .forbidden, .identityDenied,
    ]

    private func exchange(
        _ request: JoinRequest, _ peer: String, _ written: @Sendable (ResourceReference) -> SPIFFEID?
    ) async throws(Problem) -> Joined {
        let key = try CertificateRequest(pem: request.csr)
        let keyHash = Self.hash(key.publicKey)
        let (token, entry, record) = try await find(request.token, peer)
        let workload = record.usedBy ?? Self.workload(request.name, record.service)
        if let known = record.keyHash, known != keyHash {
            throw Problem(
                .joinTokenUsed, "token \(token.id) was used by \(workload), at \(record.usedAt?.description ?? "?")",
                remedy: "if that was not you, `weft leave --workload \(workload)`; \(Self.anotherToken(record.service))"
            )
        }
        guard now() <= record.expiresAt || record.keyHash != nil else {
            throw Problem(
                .joinTokenExpired, "token \(token.id) ended at \(record.expiresAt)",
                remedy: Self.anotherToken(record.service))
        }
        guard let trustDomain = await authority.trustDomain else {
            throw Problem(.authorityNotReady, "there is no mesh")
        }
        let identity = SPIFFEID(
            trustDomain: trustDomain, namespace: record.service.namespace, serviceAccount: record.service.name)
        try await requireAllowed(identity, serial: nil)
        let old = try await get(StoreKeys.member(workload))
        // A token for one service is no way to the name, and with it to the address, of a workload of another.
        let joined = old.flatMap { try? MemberRecord.decode($0.value) }
        if let owner = joined?.identity ?? written(workload), owner != identity {
            throw Problem(
                .forbidden, at: "name", "\(workload) is \(owner)", remedy: "join under another name")
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
        // What it had before cannot be renewed after its end any more.
        let gone = joined?.holdings ?? []
        let isOurs = try await tryCommit(
            [.unchanged(entry), old.map { .unchanged($0) } ?? .absent(memberKey)],
            [
                .put(key: entry.key, value: used.encode()),
                .put(key: memberKey, value: member.encode()),
                .put(key: StoreKeys.serial(serial), value: Array(workload.description.utf8)),
            ] + gone.map { .delete(key: StoreKeys.serial($0.serial)) })
        // Somebody used it in this moment; what he did decides.
        guard isOurs else { return try await exchange(request, peer, written) }
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
            throw Problem(
                .joinTokenInvalid, "nobody knows the token \(token.id)", remedy: "`weft token create` makes another")
        }
        return (token, entry, record)
    }

    private static func anotherToken(_ service: ResourceReference) -> String {
        let namespace = service.namespace == .defaultNamespace ? "" : " --namespace \(service.namespace)"
        return "`weft token create --service \(service.name)\(namespace)` makes another"
    }

    private static func workload(_ wanted: ResourceName?, _ service: ResourceReference) -> ResourceReference {
        var random = KernelRandom()
        let drawn = "\(service.name)-" + String(random.next() % 0x8000_0000, radix: 36)
        return ResourceReference(namespace: service.namespace, name: wanted ?? ResourceName(drawn) ?? service.name)
    }

    // MARK: Renewing

    /// A new certificate for who proved the old one, of `serial` and valid from `begin` on, in the handshake.
    package func renew(
        _ request: CertificateRequestMessage, identity: SPIFFEID, serial: String, begin: WallTime
    ) async throws(Problem) -> CertificateAnswer {
        try await requireAllowed(identity, serial: serial)
        let key = try CertificateRequest(pem: request.csr)
        let keyHash = Self.hash(key.publicKey)
        let found = try await member(ofSerial: serial, identity)
        guard let found else {
            try await requireNotRemoved(identity, serial: serial, begin: begin)
            return try await issue(key, identity).0
        }
        guard !found.member.isFrozen else { throw Self.frozen(found.member) }
        if let answer = try await renew(found, serial: serial, key, keyHash) { return answer }
        return try await issue(key, identity).0
    }

    /// Of the newest certificate, or again of the one before: who comes with that has missed the answer, and has kept the key
    /// that it was for. Nil for the one before with another key.
    private func renew(
        _ found: (entry: StoreEntry, member: MemberRecord), serial: String, _ key: CertificateRequest, _ keyHash: String
    ) async throws(Problem) -> CertificateAnswer? {
        guard found.member.serial == serial || found.member.keyHash == keyHash else { return nil }
        let (answer, newSerial, root) = try await issue(key, found.member.identity)
        try await keep(found, newSerial, keyHash, answer.notAfter, root, over: serial)
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
    ///
    /// What counts of the certificate is its number; key and end are those that the store has for it. Whichever replica
    /// issued it, under whatever intermediate and root: any can renew it, and none could by an intermediate alone.
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
        let serial = CertificateFacts(leaf).serialNumber
        try await requireAllowed(identity, serial: serial)
        let keyHash = Self.hash(key.publicKey)
        guard let found = try await member(ofSerial: serial, identity), let held = found.member.holding(serial) else {
            throw Problem(.certificateSuperseded, "certificate \(serial) is not the newest of \(identity)")
        }
        guard ConstantTime.areEqual(held.keyHash, Self.hash(oldKey)) else {
            throw Problem(.badSignature, "the certificate is not of this mesh")
        }
        guard now() <= held.notAfter + Self.grace else {
            throw Problem(.graceOver, "the certificate expired at \(held.notAfter)", remedy: "join again")
        }
        guard !found.member.isFrozen else { throw Self.frozen(found.member) }
        let place = "member/\(found.member.workload)"
        if let answer = try await renew(found, serial: serial, key, keyHash) {
            await audit.note("renew", by: peer, on: place, outcome: nil)
            return answer
        }
        // The same certificate, another key: one of the two who have it should not.
        var member = found.member
        member.isFrozen = true
        try await commit([.unchanged(found.entry)], [.put(key: found.entry.key, value: member.encode())])
        await audit.note("renew", by: peer, on: place, outcome: .identityFrozen)
        throw Self.frozen(member)
    }

    /// Gives a frozen workload back to whoever has its newest certificate; false where there is none of that name.
    package func thaw(_ workload: ResourceReference) async throws(Problem) -> Bool {
        guard let entry = try await get(StoreKeys.member(workload)), var member = try? MemberRecord.decode(entry.value)
        else { return false }
        member.isFrozen = false
        try await commit([.unchanged(entry)], [.put(key: entry.key, value: member.encode())])
        return true
    }

    /// Takes a workload out: its certificates are denied, and it can neither renew nor come back without a token.
    package func remove(_ workload: ResourceReference) async throws(Problem) -> MemberRecord? {
        guard let entry = try await get(StoreKeys.member(workload)), let member = try? MemberRecord.decode(entry.value)
        else { return nil }
        let time = Array(now().description.utf8)
        var operations: [StoreOperation] = [
            .delete(key: entry.key), .put(key: StoreKeys.removed(member.identity), value: time),
        ]
        for held in member.holdings {
            operations.append(.delete(key: StoreKeys.serial(held.serial)))
            // The one before may be good for hours yet.
            operations.append(.put(key: StoreKeys.deniedSerial(held.serial), value: time))
        }
        try await commit([.unchanged(entry)], operations)
        return member
    }

    /// A certificate that the store does not know can be one from after the moment that a store was set back to; then its
    /// holder shall not have to join again. Or it is an old one of a workload that was taken out: not those.
    private func requireNotRemoved(_ identity: SPIFFEID, serial: String, begin: WallTime) async throws(Problem) {
        guard let entry = try await get(StoreKeys.removed(identity)),
            let removal = WallTime(timestamp: String(decoding: entry.value, as: UTF8.self)),
            begin <= removal
        else { return }
        throw Problem(
            .certificateSuperseded, "a workload with \(identity) was taken out after certificate \(serial) was issued",
            remedy: "join again")
    }

    // MARK: Inside

    private static func frozen(_ member: MemberRecord) -> Problem {
        Problem(
            .identityFrozen, "\(member.workload), \(member.identity), was renewed with two keys for one certificate",
            remedy:
                "an operator has to decide: `weft identity thaw \(member.workload)`, or `weft leave --workload` and a new token"
        )
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

    private func requireAllowed(_ identity: SPIFFEID, serial: String?) async throws(Problem) {
        let byIdentity = try await get(StoreKeys.deniedIdentity(identity)) != nil
        var bySerial = false
        if let serial { bySerial = try await get(StoreKeys.deniedSerial(serial)) != nil }
        guard !byIdentity, !bySerial else {
            throw Problem(.identityDenied, "\(identity) is denied", remedy: "`weft identity list` says since when")
        }
    }

    /// True if the newest certificate of the workload that has this one does not come from `root`.
    func isOnOtherRoot(than root: String?, serial: String, _ identity: SPIFFEID) async throws(Problem) -> Bool {
        guard let root, let known = try await member(ofSerial: serial, identity)?.member.root else { return false }
        return known != root
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
        _ root: String?, over old: String
    ) async throws(Problem) {
        var member = found.member
        member.renewed = member.holding(old)
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
        for gone in [found.member.serial, found.member.renewed?.serial].compactMap(\.self)
        where gone != old && gone != serial {
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

    func get(_ key: String) async throws(Problem) -> StoreEntry? {
        do throws(StoreError) { return try await store.get(key) } catch { throw error.problem }
    }

    func list(_ prefix: String) async throws(Problem) -> [StoreEntry] {
        do throws(StoreError) { return try await store.list(prefix: prefix).entries } catch { throw error.problem }
    }

    func tryCommit(
        _ compares: [StoreCompare], _ operations: [StoreOperation]
    ) async throws(Problem) -> Bool {
        do throws(StoreError) {
            return try await store.commit(StoreTransaction(compares: compares, operations: operations)).revision != nil
        } catch {
            throw error.problem
        }
    }

    func commit(_ compares: [StoreCompare], _ operations: [StoreOperation]) async throws(Problem) {
        guard try await tryCommit(compares, operations) else {
            throw Problem(.writeConflict, "somebody else changed this in the same moment", remedy: "try again")
        }
    }
}
