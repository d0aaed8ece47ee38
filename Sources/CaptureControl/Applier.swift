// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// Puts the rules of both families in place.
struct Applier {
    let request: CaptureRequest
    let plans: [AddressFamily: RedirectPlan]
    let facts: NamespaceFacts
    let survey: BackendSurvey
    let console: Console

    /// IPv6 first: it is the one more likely to be impossible, and then IPv4 has not been touched.
    private static let order: [AddressFamily] = [.ipv6, .ipv4]

    /// What was put in place.
    struct Outcome {
        let backend: RuleBackend
        /// The families that have rules now.
        let families: Set<AddressFamily>
    }

    /// Tries the backends in order. Where one fails, what it had done is taken back before the next is tried.
    func apply(_ transaction: inout Transaction, _ run: borrowing RunGuard) throws(Problem) -> Outcome {
        let candidates = survey.candidates(request.settings.backend)
        var failures: [Problem] = []
        for backend in candidates {
            do throws(Problem) {
                let families = try apply(backend, &transaction, run)
                return Outcome(backend: backend, families: families)
            } catch {
                failures.append(error)
                try takeBack(&transaction, after: error)
                if error.code == .interrupted || error.code == .lockHeld { throw error }
            }
        }
        guard let first = failures.first else {
            throw Problem(
                .iptablesMissing, "neither iptables-nft-restore nor iptables-legacy-restore is there",
                remedy: "install the package `iptables`")
        }
        guard failures.count > 1 else { throw first }
        let words = zip(candidates, failures).map { "\($0.rawValue): \($1.message)" }.joined(separator: "; ")
        throw Problem(first.code, words, remedy: first.remedy)
    }

    /// Takes back whatever has been changed; what cannot be taken back is worse than what it is taken back for.
    func takeBack(_ transaction: inout Transaction, after problem: Problem) throws(Problem) {
        do throws(Problems) {
            try transaction.rollBack()
        } catch {
            console.fail(problem)
            throw Problem(
                .undoFailed, error.all.map(\.message).joined(separator: "; "), remedy: "run `weft-init undo`")
        }
    }

    private func apply(
        _ backend: RuleBackend, _ transaction: inout Transaction, _ run: borrowing RunGuard
    ) throws(Problem) -> Set<AddressFamily> {
        if backend == .legacy, !ThisProcess.has(.netRaw) {
            throw Problem(.noNetRaw, "the legacy backend needs the capability NET_RAW", remedy: "give it, or use nft")
        }
        var families: [Iptables] = []
        for family in Applier.order {
            try run.checkInterruption()
            if let iptables = try begin(backend, family, &transaction) { families.append(iptables) }
        }
        for iptables in families {
            try run.checkInterruption()
            _ = try transaction.move(iptables, .mangle, to: plans[iptables.family]?.table(.mangle))
        }
        try leave(backend, &transaction, run)
        return Set(families.map(\.family))
    }

    /// Takes the rules against stray resets away for a moment, or puts them back.
    func setResetRules(_ isOn: Bool, _ outcome: Outcome, _ transaction: inout Transaction) throws(Problem) {
        for family in Applier.order where outcome.families.contains(family) {
            guard let plan = plans[family]?.table(.mangle) else { continue }
            let iptables = try Iptables(outcome.backend, family, lockTimeout: request.lockTimeout)
            _ = try transaction.move(iptables, .mangle, to: isOn ? plan : nil)
        }
    }

    /// The redirects of one family. Nil where IPv6 cannot have rules and need not have any.
    private func begin(
        _ backend: RuleBackend, _ family: AddressFamily, _ transaction: inout Transaction
    ) throws(Problem) -> Iptables? {
        do throws(Problem) {
            let iptables = try Iptables(backend, family, lockTimeout: request.lockTimeout)
            _ = try transaction.move(iptables, .nat, to: plans[family]?.table(.nat))
            return iptables
        } catch {
            guard family == .ipv6, error.code != .lockHeld else { throw error }
            if let address = facts.outerAddresses(.ipv6).first?.address {
                throw Problem(
                    .ipv6Impossible, "there is the address \(address), but IPv6 rules are impossible: \(error.message)",
                    remedy: "make ip6tables work, or take the IPv6 addresses away")
            }
            console.warn(
                Problem(.ipv6Impossible, "no IPv6 rules, and no IPv6 address that would need them: \(error.message)"))
            return nil
        }
    }

    /// Rules of ours in the other backend, from before it was changed, go once the new ones are there.
    private func leave(
        _ chosen: RuleBackend, _ transaction: inout Transaction, _ run: borrowing RunGuard
    ) throws(Problem) {
        for backend in RuleBackend.allCases where backend != chosen && survey.hasOurs(backend) {
            for family in Applier.order {
                guard let iptables = try? Iptables(backend, family, lockTimeout: request.lockTimeout) else { continue }
                for table in RuleTable.allCases.reversed() {
                    try run.checkInterruption()
                    _ = try transaction.move(iptables, table, to: nil)
                }
            }
        }
    }
}
