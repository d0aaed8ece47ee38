// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CertificateAuthority
internal import ControlAPI
package import MeshModel

/// Rotating the root without losing a connection.
extension ControlPlane {
    package enum RotationStep: String, Sendable, CaseIterable {
        case stage
        case trust
        case sign
        case retire
        /// Beyond what a rotation needs: ends what the old root still vouches for.
        case cut
    }

    /// Where a rotation is, and who has not taken its newest step.
    package struct RotationStatus: Sendable {
        /// What comes next; nil where no rotation is under way.
        package let next: RotationStep?
        /// Workloads that keep the next step waiting.
        package let missing: [String]
        package let roots: [(fingerprint: String, step: RootRecord.Step, since: WallTime)]
    }

    package func rotation() async throws(Problem) -> RotationStatus {
        try await authority.refresh()
        let published = await authority.published
        let steps = Set(published.map(\.step))
        let next: RotationStep? =
            steps.contains(.staged)
            ? .trust : steps.contains(.trusted) ? .sign : steps.contains(.leaving) ? .retire : nil
        let missing: [String] =
            switch next {
            case .sign: await behindTrust()
            case .retire: try await onOldRoot()
            case .stage, .trust, .cut, nil: []
            }
        return RotationStatus(
            next: next, missing: missing.sorted(), roots: published.map { ($0.fingerprint, $0.step, $0.since) })
    }

    /// Takes one step. Where somebody has not taken the step before, it is refused and says who, unless it is forced.
    package func rotate(to step: RotationStep, isForced: Bool, author: String) async throws(Problem) {
        if step == .sign || step == .retire, !isForced {
            let status = try await rotation()
            guard status.next != step || status.missing.isEmpty else {
                let names = status.missing.prefix(10).joined(separator: ", ")
                let more = status.missing.count > 10 ? " and \(status.missing.count - 10) more" : ""
                throw Problem(
                    .rotationIncomplete,
                    "\(names)\(more) \(status.missing.count == 1 ? "has" : "have") not taken the last step",
                    remedy: "wait for them, take them out with `weft leave`, or go on with `--force`")
            }
        }
        switch step {
        case .stage: try await authority.stage()
        case .trust: try await authority.trust()
        case .sign: try await authority.sign()
        case .retire: try await authority.retire()
        case .cut: try await authority.cut()
        }
        await audit.note("ca rotate", by: author, on: "ca/\(step.rawValue)", outcome: nil)
        await rootsChanged()
    }

    /// Past half of the root's life, one step after the other, as soon as everybody has taken the last.
    func rotateByItself() async {
        guard let status = try? await rotation() else { return }
        if let next = status.next {
            guard await isRotatingByItself(), status.missing.isEmpty else { return }
            // In no hurry: by then whoever is away has a certificate of the new one, or none that holds.
            let leaving = status.roots.filter { $0.step == .leaving }.map(\.since).max()
            if next == .retire, let leaving, now() <= leaving + settings.workloadLifetime { return }
            try? await rotate(to: next, isForced: false, author: Self.ownName)
        } else if await authority.isRootPastHalf {
            try? await rotate(to: .stage, isForced: false, author: Self.ownName)
        }
    }

    private static let ownName = "weft-control"
    /// How long a handshake may take that was begun with the certificate before.
    private static let settling: Duration = .seconds(10)

    /// What an operator has begun he goes on with; what began by itself goes on by itself.
    private func isRotatingByItself() async -> Bool {
        let newest = try? await audit.entries(limit: 1000).first { $0.action == "ca rotate" }
        return newest?.author == Self.ownName
    }

    /// Workloads that still show, or may show, a certificate of a root that is to go.
    private func onOldRoot() async throws(Problem) -> [String] {
        let leaving = Set(await authority.published.filter { $0.step == .leaving }.map(\.fingerprint))
        let connected = Set(await keeper.membership.connected.values.map(\.workload))
        return try await enrollment.members().filter { member in
            // Who has been away since its end cannot come back with it anyway.
            guard member.notAfter > now() || connected.contains(member.workload) else { return false }
            guard let root = member.root, !leaving.contains(root) else { return true }
            // Issued is not yet in force: the answer may be lost. A machine that has just joined has nothing older.
            guard let shown = member.shownAt else { return member.renewed != nil }
            return now() <= shown + Self.settling
        }.map(\.workload.description)
    }
}
