// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// Tries every family in both directions and tells what came of it as it goes.
struct Prover {
    let request: CaptureRequest
    let plans: [AddressFamily: RedirectPlan]
    let console: Console

    /// Duplicate address detection takes a little over a second (RFC 4862: one probe, one second, and a random delay).
    private static let addressPatience: Duration = .seconds(3)

    func prove(_ run: borrowing RunGuard) throws(Problem) -> ProofReport {
        let facts = try settledFacts(run)
        warnOfStrangers()
        var report = ProofReport()
        func tell(_ proof: Proof) {
            let family = "\(proof.family) \(proof.direction.rawValue)"
            console.line(proof.verdict.rawValue, "\(family): \(proof.detail)")
            report.proofs.append(proof)
        }
        for family in AddressFamily.allCases {
            try run.checkInterruption()
            guard let plan = plans[family] else { continue }
            let tentative = facts.usableAddresses(family).isEmpty ? facts.tentativeAddresses(family).first : nil
            if let tentative {
                let detail = "\(tentative.address) is still being checked for duplicates"
                tell(Proof(family: family, direction: .outbound, verdict: .notProven, detail: detail))
            } else {
                tell(OutboundProof(plan: plan, request: request, facts: facts).run())
            }
            if request.settings.names, let port = request.ports.names {
                tell(NamesProof(plan: plan, request: request, facts: facts, port: port).run())
            }
        }
        for proof in try inboundProofs(facts, run) { tell(proof) }
        return report
    }

    /// One cable serves both families; it is made only if there is something to try, since taking it away again costs
    /// more than all the rest.
    private func inboundProofs(_ facts: NamespaceFacts, _ run: borrowing RunGuard) throws(Problem) -> [Proof] {
        let tries = AddressFamily.allCases.compactMap { family in
            plans[family].map { InboundProof(plan: $0, request: request, facts: facts) }
        }
        guard tries.contains(where: { $0.obstacle == nil }) else { return tries.map { $0.proof($0.obstacle) } }
        let cable: VirtualPair
        do throws(NoProof) {
            cable = try layCable(facts)
        } catch {
            return tries.map { $0.proof($0.obstacle ?? error) }
        }
        var proofs: [Proof] = []
        for attempt in tries {
            try run.checkInterruption()
            proofs.append(attempt.obstacle == nil ? attempt.run(cable) : attempt.proof(attempt.obstacle))
        }
        return proofs
    }

    private func layCable(_ facts: NamespaceFacts) throws(NoProof) -> VirtualPair {
        guard ThisProcess.has(.netRaw) else { throw .notProven("the rules are there; the proof needs NET_RAW") }
        guard let name = InboundProof.name(request, facts) else {
            throw .notProven("only interfaces that exist are captured, and nothing can be sent into those from here")
        }
        do throws(SystemError) {
            return try VirtualPair(near: name, far: "weftprobe1")
        } catch {
            throw .notProven("no virtual cable could be made: \(error)")
        }
    }

    /// Waits for addresses that are being checked for duplicates, where a family has no other.
    private func settledFacts(_ run: borrowing RunGuard) throws(Problem) -> NamespaceFacts {
        let deadline = Instant.now() + Prover.addressPatience
        var facts = try NamespaceFacts.gather()
        var isWaiting = false
        while Instant.now() < deadline {
            let awaited = AddressFamily.allCases.first { family in
                facts.usableAddresses(family).isEmpty && !facts.tentativeAddresses(family).isEmpty
            }
            guard let awaited, let address = facts.tentativeAddresses(awaited).first else { break }
            if !isWaiting { console.line("waiting", "for the duplicate check of \(address.address), up to 3 s") }
            isWaiting = true
            try run.pause(.milliseconds(20))
            facts = try NamespaceFacts.gather()
        }
        return facts
    }

    /// A port of the proxy that somebody else holds takes the captured traffic in the proxy's place.
    private func warnOfStrangers() {
        guard let sockets = try? TCPSocket.all() else { return }
        let users = Set(request.settings.proxyUsers.map(\.number))
        let names = request.settings.names ? request.ports.names : nil
        for port in [request.ports.outbound, request.ports.inbound] + [names].compactMap(\.self) {
            let holders = Set(sockets.filter { $0.state == .listen && $0.local.port == port.number }.map(\.user))
            guard !holders.isEmpty, holders.isDisjoint(with: users) else { continue }
            let names = holders.sorted().map(String.init).joined(separator: ", ")
            console.warn(
                Problem(
                    .portHeld, at: "port \(port)", "is held by uid \(names), which is not the proxy",
                    remedy: "captured traffic goes there"))
        }
    }
}
