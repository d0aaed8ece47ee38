// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlLink
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import TLSSession
internal import Telemetry

/// The certificate's life: a fresh key, a request that says nothing but the key, and the old set in force until the new one
/// has been found good and lies in its place.
extension ControlClient {
    func scheduleRenewal(_ material: IdentityMaterial) {
        guard runtime.state.file.proxy.renewsIdentity, let leaf = material.chain.first, let begin = leaf.notBefore,
            let end = leaf.notAfter
        else { return }
        let loop = runtime.loop
        let schedule = RenewalSchedule(
            notBefore: begin, notAfter: end, wallNow: WallTime.now(), now: loop.now, using: &random)
        self.schedule = schedule
        loop.setDeadline(schedule.due, of: renewal)
        lookWhetherOverdue()
    }

    func renewSoon() {
        guard schedule != nil else { return }
        schedule?.hasten(now: runtime.loop.now, using: &random)
        if let schedule { runtime.loop.setDeadline(schedule.due, of: renewal) }
    }

    func renewalDue() {
        // One that has expired is shown to nobody; see `ControlClient+Grace`.
        guard !isRenewing, grace == nil, let identity = runtime.state.identity, let leaf = identity.chain.first else {
            return
        }
        isRenewing = true
        do throws(Problem) {
            // Fresh for each certificate, and the same for each attempt: an answer may have been lost.
            let key = try pendingKey.key(for: leaf)
            let request = CertificateRequestMessage(csr: try key.certificateRequest())
            link.askForCertificate(request) { [unowned self] result in
                isRenewing = false
                do throws(Problem) {
                    try install(try result.get(), key, identity)
                } catch {
                    renewalFailed(error)
                }
            }
        } catch {
            isRenewing = false
            renewalFailed(error)
        }
    }

    /// Judged as a peer would judge it before anything is replaced.
    func install(_ answer: CertificateAnswer, _ key: PrivateKey, _ old: IdentityMaterial) throws(Problem) {
        let place = "the control plane's answer"
        guard let chain = Certificate.list(pem: Array(answer.chain.utf8), limit: ChainLimits.shown),
            let leaf = chain.first, key.fits(leaf)
        else { throw Problem(.keyMismatch, at: place, "has no chain for the key that was sent") }
        let domain = old.identity.trustDomain
        var roots = old.bundles.roots[domain] ?? []
        let bundle = answer.trust[domain]
        if let bundle {
            guard let told = Certificate.list(pem: Array(bundle.utf8), limit: 256) else {
                throw Problem(.identityMalformed, at: place, "has no roots in PEM")
            }
            roots = told
        }
        do throws(CertificateRejection) {
            let peer = try PeerVerifier(TrustBundles([domain: roots], generation: 0)).verify(chain, now: WallTime.now())
            guard peer.identity == old.identity else {
                throw CertificateRejection(.wrongIdentity, "it is for \(peer.identity)")
            }
        } catch {
            throw Problem(error.code, at: place, "no peer would accept it: \(error.detail)")
        }
        try identityDirectory.replace(chain: answer.chain, key: key, bundle: try currentBundle(told: bundle))
        pendingKey.discard()
        counts.renewals.done += 1
        runtime.lookAtIdentity(force: true)
    }

    private func currentBundle(told: String?) throws(Problem) -> String {
        if let told { return told }
        do throws(SystemError) {
            let bytes = try Files.read(identityDirectory.paths.bundle, limit: ControlProtocol.pemBytes).bytes
            return String(decoding: bytes, as: UTF8.self)
        } catch {
            throw Problem(.identityFileUnreadable, at: identityDirectory.paths.bundle, "cannot be read: \(error.errno)")
        }
    }

    private func renewalFailed(_ problem: Problem) {
        counts.renewals.failed += 1
        let loop = runtime.loop
        schedule?.failed(now: loop.now, using: &random)
        if let schedule { loop.setDeadline(schedule.due, of: renewal) }
        let told = Problem(.renewalFailed, at: problem.place, "\(problem.code.label) \(problem.message)")
        runtime.log.log(LogLine(.warn, "certificate not renewed; the old one stays", told))
        lookWhetherOverdue()
    }

    /// Loud from the moment on when it should have been done: there is a fifth of the life left to mend what is wrong.
    func lookWhetherOverdue() {
        let isOverdue = isRenewalOverdue
        defer { wasOverdue = isOverdue }
        guard isOverdue, !wasOverdue else { return }
        let end = runtime.state.identity?.chain.first?.notAfter?.description ?? "?"
        let problem = Problem(.renewalOverdue, "the certificate ends at \(end) and could not be renewed")
        runtime.log.log(LogLine(.error, "certificate overdue", problem))
    }

    var isRenewalOverdue: Bool { schedule?.isOverdue(now: runtime.loop.now) ?? false }
}
