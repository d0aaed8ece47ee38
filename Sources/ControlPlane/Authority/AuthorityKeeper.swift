// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import CertificateAuthority
internal import ControlAPI
internal import ControlStore
internal import Crypto
internal import LinuxSystem
package import MeshModel

/// The certificate authority of one replica: its intermediate, whose key stays on its disk, under a root that all replicas
/// share.
///
/// ```
///   first replica, empty store     makes the root and its intermediate; publishes the root
///   another replica                makes a key, asks in the store; whoever has the root's key signs
///   root's key carried away        `weft ca csr` says what to sign, `weft ca install` brings it back
///   another root signs now         asks again, or takes its own next authority (`AuthorityKeeper+Rotation`)
/// ```
package actor AuthorityKeeper {
    let seat: AuthoritySeat
    let store: any Store
    let now: @Sendable () -> WallTime
    private let replica: ResourceName
    private(set) var issuing: IssuingAuthority?
    private var serving: Serving?
    private(set) var published: [RootRecord] = []

    /// What this replica proves itself with, and signs checkpoints.
    package struct Serving: Sendable {
        package let certificate: WorkloadCertificate
        package let key: SigningKey
    }

    init(
        _ directory: ReplicaDirectory, _ store: any Store, replica: ResourceName,
        now: @escaping @Sendable () -> WallTime
    ) {
        seat = AuthoritySeat(in: directory.path)
        self.store = store
        self.replica = replica
        self.now = now
    }

    // MARK: Beginning

    /// Reads or makes what this replica issues with. `trustDomain`: for a mesh that does not exist yet; nil draws one.
    func start(trustDomain: TrustDomain?) async throws(Problem) {
        seat.recover()
        try await refresh()
        if seat.exists {
            issuing = try seat.inForce.issuingAuthority()
        } else if published.isEmpty {
            issuing = try await seat.inForce.create(
                trustDomain: trustDomain ?? Self.drawTrustDomain(), rootLifetime: CertificateLifetime.root,
                intermediateLifetime: CertificateLifetime.attendedIntermediate, now: now()
            ).intermediate
        } else {
            try await ask()
        }
        if published.isEmpty, let issuing { try await publish(issuing.roots, as: .signing) }
        try await followRoot()
        try renewServing()
    }

    /// A name of which nobody has another, so that two meshes can meet one day.
    private static func drawTrustDomain() -> TrustDomain {
        var random = KernelRandom()
        let suffix = String(random.next() % 0x100_0000_0000, radix: 36)
        guard let domain = TrustDomain("mesh-\(suffix).internal") else { preconditionFailure("The drawn name is one.") }
        return domain
    }

    /// Puts roots into the store, for the other replicas and for proxies.
    func publish(_ roots: [SignedCertificate], as step: RootRecord.Step) async throws(Problem) {
        for root in roots {
            let record = RootRecord(pem: root.pem, step: step, since: now())
            let key = StoreKeys.root(CertificateFacts(root).fingerprint)
            try await commit([.absent(key)], [.put(key: key, value: record.encode())])
        }
        try await refresh()
    }

    /// Looks at the roots again.
    func refresh() async throws(Problem) {
        do throws(StoreError) {
            published = try await store.list(prefix: StoreKeys.roots).entries
                .compactMap { try? RootRecord.decode($0.value) }
                .sorted { ($0.since, $0.pem) < ($1.since, $1.pem) }
        } catch {
            throw error.problem
        }
    }

    /// True if it happened.
    @discardableResult
    func commit(_ compares: [StoreCompare], _ operations: [StoreOperation]) async throws(Problem) -> Bool {
        do throws(StoreError) {
            return try await store.commit(StoreTransaction(compares: compares, operations: operations)).revision != nil
        } catch {
            throw error.problem
        }
    }

    // MARK: Being asked

    package var trustDomain: TrustDomain? { issuing?.trustDomain ?? rootCertificates.first?.trustDomain }

    /// What peers of the own trust domain trust.
    package var rootCertificates: [SignedCertificate] {
        published.filter(\.isTrusted).compactMap { SignedCertificate.all(inPEM: $0.pem)?.first }
    }

    package var bundle: String { rootCertificates.map(\.pem).joined() }

    /// Of roots that were retired: every certificate that came from one and was good then has ended after so long.
    package var retiredBundle: String {
        published.filter { $0.step == .retired && now() <= $0.since + CertificateLifetime.workloadRange.upperBound }
            .map(\.pem).joined()
    }

    /// Of the root that new certificates come from.
    package func rootDigest() throws(Problem) -> [UInt8] {
        guard let root = try ready().roots.first else { throw Self.notReady }
        return Array(SHA256.hash(data: root.der))
    }

    /// The fingerprint of the root that this replica's certificates come from; nil where it has no intermediate yet.
    var issuingRoot: String? { issuing?.roots.first.map { CertificateFacts($0).fingerprint } }

    package func ready() throws(Problem) -> IssuingAuthority {
        guard let issuing else { throw Self.notReady }
        return issuing
    }

    private static var notReady: Problem {
        Problem(.authorityNotReady, "this replica has no intermediate yet")
    }

    package func issue(
        _ request: CertificateRequest, identity: SPIFFEID, lifetime: Duration
    ) throws(Problem) -> WorkloadCertificate {
        let authority = try ready()
        // Rather a shorter certificate than none, down to where none can be given.
        let longest = authority.longestLifetime(now: now()) ?? lifetime
        return try authority.issue(request, identity: identity, lifetime: min(lifetime, longest), now: now())
    }

    /// A certificate of the authority, for who looks after it.
    package struct Report: Sendable {
        package let role: String
        /// Of a root.
        package let step: String?
        package let fingerprint: String
        package let validity: CertificateValidity
    }

    package func report() -> [Report] {
        var all: [Report] = []
        func add(_ certificate: SignedCertificate, _ role: String, _ step: String? = nil) {
            all.append(
                Report(
                    role: role, step: step, fingerprint: CertificateFacts(certificate).fingerprint,
                    validity: certificate.validity))
        }
        for record in published {
            if let root = SignedCertificate.all(inPEM: record.pem)?.first { add(root, "root", record.step.rawValue) }
        }
        if let issuing { add(issuing.certificate, "intermediate") }
        if let serving { add(serving.certificate.leaf, "serving") }
        return all
    }

    package func servingIdentity() throws(Problem) -> Serving {
        guard let serving else { throw Self.notReady }
        return serving
    }

    // MARK: What ends

    /// Looks after everything that ends, and after other replicas that ask.
    func maintain() async throws(Problem) {
        try await refresh()
        if issuing == nil { try await ask() }
        try renewIntermediate()
        try await followRoot()
        try await answerOthers()
        try renewServing()
    }

    /// Makes a new key and certificate to serve with past half of the old one's life, and when another authority issues.
    private func renewServing() throws(Problem) {
        guard let issuing else { return }
        if let serving, serving.certificate.leaf.validity.elapsedShare(at: now()) < 0.5,
            serving.certificate.intermediates == [issuing.certificate]
        {
            return
        }
        let key = SigningKey()
        let longest = issuing.longestLifetime(now: now()) ?? CertificateLifetime.workload
        let certificate = try issuing.issueForControl(
            key.publicKey, lifetime: min(CertificateLifetime.workload, longest), now: now())
        serving = Serving(certificate: certificate, key: key)
    }

    package var hasRootKey: Bool { Files.exists(seat.inForce.file(AuthorityDirectory.rootKeyName)) }

    private func renewIntermediate() throws(Problem) {
        guard let issuing, hasRootKey, issuing.certificate.validity.elapsedShare(at: now()) >= 0.5 else { return }
        self.issuing = try seat.inForce.renewIntermediate(
            rootKeyPath: nil, lifetime: CertificateLifetime.attendedIntermediate, now: now())
    }

    /// Goes over to the root that signs now, where this replica still issues under another.
    private func followRoot() async throws(Problem) {
        guard let signing = published.last(where: { $0.step == .signing }), let issuing,
            !issuing.roots.contains(where: { $0.pem == signing.pem })
        else { return }
        if seat.hasNext, try seat.next.issuingAuthority().roots.contains(where: { $0.pem == signing.pem }) {
            try seat.takeNext()
            self.issuing = try seat.inForce.issuingAuthority()
        } else {
            try await ask()
        }
    }

    /// Asks for an intermediate through the store, or takes the answer.
    private func ask() async throws(Problem) {
        let key = try seat.pendingKey()
        let answerKey = StoreKeys.authorityAnswer(replica)
        let answer: StoreEntry?
        do throws(StoreError) { answer = try await store.get(answerKey) } catch { throw error.problem }
        if let answer {
            issuing = try seat.install(
                intermediate: String(decoding: answer.value, as: UTF8.self), roots: rootCertificates)
            try await commit([], [.delete(key: answerKey)])
            return
        }
        // Each text has a signature of its own, so that writing it again would be a change that everybody looks at.
        let requestKey = StoreKeys.authorityRequest(replica)
        let open: StoreEntry?
        do throws(StoreError) { open = try await store.get(requestKey) } catch { throw error.problem }
        if let open, let request = try? CertificateRequest(pem: String(decoding: open.value, as: UTF8.self)),
            request.publicKey == key.publicKey
        {
            return
        }
        let request = try CertificateRequest.text(for: key)
        try await commit([], [.put(key: requestKey, value: Array(request.utf8))])
    }

    /// What `weft ca csr` shows: for whoever has the root's key elsewhere.
    package func signingRequest() throws(Problem) -> String { try CertificateRequest.text(for: seat.pendingKey()) }

    /// What `weft ca install` brings.
    package func install(_ intermediate: String) async throws(Problem) {
        try await refresh()
        issuing = try seat.install(intermediate: intermediate, roots: rootCertificates)
        try renewServing()
    }

    /// Signs what other replicas ask for, where the key of the root that signs is here.
    func answerOthers() async throws(Problem) {
        guard hasRootKey else { return }
        let root = try seat.inForce.rootAuthority()
        let requests: [StoreEntry]
        do throws(StoreError) {
            requests = try await store.list(prefix: StoreKeys.authorityRequests).entries
        } catch {
            throw error.problem
        }
        for entry in requests {
            guard let name = ResourceName(entry.key.dropFirst(StoreKeys.authorityRequests.count)),
                let request = try? CertificateRequest(pem: String(decoding: entry.value, as: UTF8.self))
            else { continue }
            let certificate = try root.signIntermediate(
                request.publicKey, lifetime: CertificateLifetime.attendedIntermediate, now: now())
            try await commit(
                [.unchanged(entry)],
                [
                    .put(key: StoreKeys.authorityAnswer(name), value: Array(certificate.pem.utf8)),
                    .delete(key: entry.key),
                ])
        }
    }
}
