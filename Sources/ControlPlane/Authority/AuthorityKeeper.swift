// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import CertificateAuthority
package import ControlAPI
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
/// ```
package actor AuthorityKeeper {
    private let directory: AuthorityDirectory
    private let store: any Store
    private let replica: ResourceName
    private let now: @Sendable () -> WallTime
    private var issuing: IssuingAuthority?
    private var serving: Serving?
    private var published: [RootRecord] = []

    /// What this replica proves itself with, and signs checkpoints.
    package struct Serving: Sendable {
        package let certificate: WorkloadCertificate
        package let key: SigningKey
    }

    init(
        _ directory: ReplicaDirectory, _ store: any Store, replica: ResourceName,
        now: @escaping @Sendable () -> WallTime
    ) {
        self.directory = AuthorityDirectory(directory.authorityPath)
        self.store = store
        self.replica = replica
        self.now = now
    }

    // MARK: Beginning

    /// Reads or makes what this replica issues with. `trustDomain`: for a mesh that does not exist yet; nil draws one.
    func start(trustDomain: TrustDomain?) async throws(Problem) {
        published = try await roots()
        if Files.exists(directory.file(AuthorityDirectory.intermediateName)) {
            issuing = try directory.issuingAuthority()
        } else if published.isEmpty {
            try await create(trustDomain ?? Self.drawTrustDomain())
        } else {
            try await ask()
        }
        try await publishOwnRoots()
        try await renewServing()
    }

    private func create(_ trustDomain: TrustDomain) async throws(Problem) {
        let made = try await directory.create(
            trustDomain: trustDomain, rootLifetime: CertificateLifetime.root,
            intermediateLifetime: CertificateLifetime.attendedIntermediate, now: now())
        issuing = made.intermediate
    }

    /// A name of which nobody has another, so that two meshes can meet one day.
    private static func drawTrustDomain() -> TrustDomain {
        var random = KernelRandom()
        let suffix = String(random.next() % 0x100_0000_0000, radix: 36)
        guard let domain = TrustDomain("mesh-\(suffix).internal") else { preconditionFailure("The drawn name is one.") }
        return domain
    }

    /// Puts the roots that this replica knows of into the store, for the others and for proxies.
    private func publishOwnRoots() async throws(Problem) {
        guard let issuing else { return }
        for root in issuing.roots where !published.contains(where: { $0.pem == root.pem }) {
            let record = RootRecord(pem: root.pem, step: .signing, since: now())
            let key = StoreKeys.root(CertificateFacts(root).fingerprint)
            do throws(StoreError) {
                _ = try await store.commit(
                    StoreTransaction(compares: [.absent(key)], operations: [.put(key: key, value: record.encode())]))
            } catch {
                throw error.problem
            }
        }
        published = try await roots()
    }

    private func roots() async throws(Problem) -> [RootRecord] {
        do throws(StoreError) {
            return try await store.list(prefix: StoreKeys.roots).entries.compactMap { try? RootRecord.decode($0.value) }
                .sorted { ($0.since, $0.pem) < ($1.since, $1.pem) }
        } catch {
            throw error.problem
        }
    }

    // MARK: Being asked

    /// Looks at the roots again.
    func refresh() async throws(Problem) { published = try await roots() }

    package var trustDomain: TrustDomain? { issuing?.trustDomain ?? publishedCertificates.first?.trustDomain }

    private var publishedCertificates: [SignedCertificate] {
        published.filter { $0.step != .retired }.compactMap { SignedCertificate.all(inPEM: $0.pem)?.first }
    }

    /// What peers of the own trust domain trust, in PEM.
    package var bundle: String { publishedCertificates.map(\.pem).joined() }

    package var rootCertificates: [SignedCertificate] { publishedCertificates }

    /// Of the root that new certificates come from.
    package func rootDigest() throws(Problem) -> [UInt8] {
        guard let root = try ready().roots.first else { throw Self.notReady }
        return Array(SHA256.hash(data: root.der))
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

    package func current() -> IssuingAuthority? { issuing }

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

    // MARK: What this replica shows

    package func servingIdentity() throws(Problem) -> Serving {
        guard let serving else { throw Self.notReady }
        return serving
    }

    /// Makes a new key and certificate to serve with, past half of the old one's life; true if it did.
    @discardableResult
    func renewServing() async throws(Problem) -> Bool {
        guard let issuing else { return false }
        if let serving, serving.certificate.leaf.validity.elapsedShare(at: now()) < 0.5,
            serving.certificate.intermediates == [issuing.certificate]
        {
            return false
        }
        let key = SigningKey()
        let longest = issuing.longestLifetime(now: now()) ?? CertificateLifetime.workload
        let certificate = try issuing.issueForControl(
            key.publicKey, lifetime: min(CertificateLifetime.workload, longest), now: now())
        serving = Serving(certificate: certificate, key: key)
        return true
    }

    // MARK: Intermediates

    /// Looks after everything that ends: the own intermediate past half of its life, other replicas that ask.
    func maintain() async throws(Problem) {
        published = try await roots()
        if issuing == nil { try await ask() }
        try renewIntermediate()
        try await answerOthers()
        try await publishOwnRoots()
        try await renewServing()
    }

    private var hasRootKey: Bool { Files.exists(directory.file(AuthorityDirectory.rootKeyName)) }

    private func renewIntermediate() throws(Problem) {
        guard let issuing, hasRootKey, issuing.certificate.validity.elapsedShare(at: now()) >= 0.5 else { return }
        self.issuing = try directory.renewIntermediate(
            rootKeyPath: nil, lifetime: CertificateLifetime.attendedIntermediate, now: now())
    }

    /// Asks for an intermediate through the store, or takes the answer.
    private func ask() async throws(Problem) {
        let key = try directory.pendingKey()
        do throws(StoreError) {
            if let answer = try await store.get(StoreKeys.authorityAnswer(replica)) {
                let text = String(decoding: answer.value, as: UTF8.self)
                issuing = try Self.unwrapped { () throws(Problem) in
                    try directory.install(intermediate: text, roots: publishedCertificates)
                }
                return
            }
            let request = try Self.unwrapped { () throws(Problem) in try CertificateRequest.text(for: key) }
            _ = try await store.commit(
                StoreTransaction(
                    operations: [.put(key: StoreKeys.authorityRequest(replica), value: Array(request.utf8))]))
        } catch {
            throw error.problem
        }
    }

    private static func unwrapped<Value>(_ body: () throws(Problem) -> Value) throws(StoreError) -> Value {
        do throws(Problem) { return try body() } catch { throw .broken(error) }
    }

    /// Signs what other replicas ask for, where the root's key is here.
    private func answerOthers() async throws(Problem) {
        guard hasRootKey else { return }
        let root = try directory.rootAuthority()
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
            do throws(StoreError) {
                _ = try await store.commit(
                    StoreTransaction(
                        compares: [.unchanged(entry)],
                        operations: [
                            .put(key: StoreKeys.authorityAnswer(name), value: Array(certificate.pem.utf8)),
                            .delete(key: entry.key),
                        ]))
            } catch {
                throw error.problem
            }
        }
    }
}

/// A root as the store has it.
package struct RootRecord: ControlMessage {
    /// How far the rotation to this root has come.
    package enum Step: String, Sendable, CaseIterable {
        /// Known, and not yet sent to anybody.
        case staged
        /// In every bundle, and signs nothing yet.
        case trusted
        /// What new certificates come from.
        case signing
        /// Signs no more, and is still in bundles for what it has signed.
        case leaving
        /// In no bundle.
        case retired
    }

    package var pem: String
    package var step: Step
    package var since: WallTime

    package init(pem: String, step: Step, since: WallTime) {
        self.pem = pem
        self.step = step
        self.since = since
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("pem", pem)
            writer.field("step", step.rawValue)
            writer.field("since", since.description)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        pem = try reader.pem("pem")
        step = try reader.value("step", "a step of a rotation") { Step(rawValue: $0) }
        since = try reader.moment("since")
    }
}
