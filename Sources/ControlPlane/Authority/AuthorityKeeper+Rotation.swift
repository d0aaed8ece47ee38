// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CertificateAuthority
internal import ControlAPI
internal import ControlStore
internal import MeshModel

/// From one root to the next, in four steps. Each is safe for as long as the one before has reached everybody, which whoever
/// asks for it has to know (``ControlPlane/rotate(to:isForced:author:)``).
///
/// | step | new root | old root | what could break if a proxy had missed the step before |
/// |---|---|---|---|
/// | stage | staged | signing | |
/// | trust | trusted | signing | |
/// | sign | signing | leaving | it would refuse peers with new certificates |
/// | retire | signing | retired | it would show a certificate that nobody trusts any more |
///
/// A root that was retired still vouches for connections that were made before, so that no stream is cut by a rotation; none
/// outlives the certificates that it was made with. Where the old root's key was stolen, `cut` ends them.
extension AuthorityKeeper {
    /// True if it is time for another root.
    var isRootPastHalf: Bool {
        guard let root = issuing?.roots.first else { return false }
        return root.validity.elapsedShare(at: now()) >= CertificateLifetime.warningShare
    }

    /// Makes the next root, with an intermediate of this replica under it.
    func stage() async throws(Problem) {
        try await refresh()
        if let open = published.first(where: { [.staged, .trusted, .leaving].contains($0.step) }) {
            throw Problem(
                .wrongRotationStep, "a rotation is under way: a root is \(open.step.rawValue)",
                remedy: "go on with it; `weft ca status` says what comes next")
        }
        guard let trustDomain else { throw Problem(.authorityNotReady, "there is no root to follow") }
        if !seat.hasNext {
            _ = try await seat.next.create(
                trustDomain: trustDomain, rootLifetime: CertificateLifetime.root,
                intermediateLifetime: CertificateLifetime.attendedIntermediate, now: now())
        }
        try await publish(try seat.next.issuingAuthority().roots, as: .staged)
    }

    /// Every bundle gets it from now on.
    func trust() async throws(Problem) { try await move([(.staged, .trusted)]) }

    /// New certificates come from it from now on.
    func sign() async throws(Problem) {
        try await move([(.trusted, .signing), (.signing, .leaving)])
        try await maintain()
    }

    /// The old one goes.
    func retire() async throws(Problem) {
        try await move([(.leaving, .retired)])
        seat.removeOld()
    }

    /// Nor does it vouch for what is open.
    func cut() async throws(Problem) { try await move([(.retired, .gone)]) }

    /// Moves roots from one step to another, all of them or none; the first pair must find one.
    private func move(_ steps: [(from: RootRecord.Step, to: RootRecord.Step)]) async throws(Problem) {
        let entries: [StoreEntry]
        do throws(StoreError) { entries = try await store.list(prefix: StoreKeys.roots).entries } catch {
            throw error.problem
        }
        var compares: [StoreCompare] = []
        var operations: [StoreOperation] = []
        var found = false
        for entry in entries {
            guard var record = try? RootRecord.decode(entry.value),
                let step = steps.first(where: { $0.from == record.step })
            else { continue }
            found = found || step.from == steps[0].from
            record.step = step.to
            record.since = now()
            compares.append(.unchanged(entry))
            operations.append(.put(key: entry.key, value: record.encode()))
        }
        guard found else {
            throw Problem(
                .wrongRotationStep, "no root is \(steps[0].from.rawValue)",
                remedy: "the steps are stage, trust, sign, retire, and cut; `weft ca status` says where it is")
        }
        guard try await commit(compares, operations) else {
            throw Problem(.writeConflict, "somebody else moved a root in the same moment", remedy: "look again")
        }
        try await refresh()
    }
}
