// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlLink
internal import DataPlane
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import ResourceDocuments
internal import TLSSession
internal import Telemetry

/// Updates: one after the other, each as a whole or not at all.
///
/// ```
///   read ─▶ checked against its digests and checkpoint ─▶ read as a configuration ─▶ names looked up ─▶ in force
///     ─▶ every data thread has it ─▶ on disk ─▶ acknowledged
/// ```
/// Roots and denials hold from the moment they come, whatever becomes of the documents beside them: that a route is wrong
/// must not keep somebody in who was thrown out.
extension ControlClient {
    func take(_ update: Update) {
        guard waiting.count < Self.waitingMax else {
            return link.restart(Problem(.controlMessage, "it sends updates without waiting for an answer"))
        }
        waiting.append(update)
        applyNext()
    }

    private func applyNext() {
        guard !isApplying, !waiting.isEmpty else { return }
        isApplying = true
        let update = waiting.removeFirst()
        do throws(Problems) {
            let next = try read(update)
            useTrust(of: next)
            let file = try next.configuration(around: runtime.ownText, name: runtime.configurationPath)
            runtime.useWhenNamed(file, of: .controlPlane) { [unowned self] outcome in
                switch outcome {
                case .inForce: putInForce(next, update)
                case .rejected(let problems): reject(update, problems)
                case .superseded:
                    // The proxy's own file was read again in the meantime, without it.
                    waiting.insert(update, at: 0)
                    isApplying = false
                    applyNext()
                }
            }
        } catch {
            reject(update, error)
        }
    }

    private func read(_ update: Update) throws(Problems) -> ControlledMesh {
        do throws(Problem) {
            let next = try mesh.applying(update)
            if let checkpoint = update.checkpoint, let identity = runtime.state.identity {
                let judge = CheckpointJudge(
                    identity.bundles, of: identity.identity.trustDomain, for: runtime.state.file.proxy.workload)
                _ = try judge.judge(checkpoint, now: WallTime.now())
            }
            return next
        } catch {
            throw Problems(error)
        }
    }

    private func putInForce(_ next: ControlledMesh, _ update: Update) {
        mesh = next
        runtime.state.isControlAwaited = false
        let snapshot = runtime.state.file.resources.mesh
        wants.keep { address in snapshot.ranges.contains { $0.contains(address) } }
        wants.answered(update)
        runtime.dataPlane.use(unknown: Set(update.unknown.addresses))
        answerNames()
        // Every thread answers behind what it was told before.
        runtime.collector.ask { [unowned self] _ in keep(update) }
    }

    private func keep(_ update: Update) {
        var rejection: Problem?
        do throws(Problem) {
            try snapshotFile.store(mesh, wants.wants)
        } catch {
            rejection = error
            runtime.log.log(LogLine(.error, "the snapshot cannot be kept", error))
        }
        // In force all the same: a restart would begin with the one before.
        if let rejection {
            answer(update, [Self.rejection(rejection, [])])
        } else {
            counts.updates.accepted += 1
            answer(update, [])
        }
        runtime.log.log(
            LogLine(
                .info, "update in force",
                [
                    ("revision", String(update.revision)), ("documents", String(mesh.documents.count)),
                    ("sequence", String(update.sequence)),
                ]))
    }

    private func reject(_ update: Update, _ problems: Problems) {
        counts.updates.rejected += 1
        let ids = Set(update.resources.map(\.id)).union(mesh.documents.keys)
        for problem in problems.all.prefix(ControlProtocol.rejections) {
            runtime.log.log(LogLine(.error, "update rejected; what was in force stays", problem))
        }
        answer(update, problems.all.prefix(ControlProtocol.rejections).map { Self.rejection($0, ids) })
    }

    private func answer(_ update: Update, _ rejected: [Acknowledgement.Rejection]) {
        link.acknowledge(
            Acknowledgement(sequence: update.sequence, revision: update.revision, rejected: rejected),
            answered: { [unowned self] in
                // By then others are told that this workload is there: who waits for it to be ready may call it.
                if rejected.isEmpty { runtime.state.isUnannounced = false }
            })
        isApplying = false
        applyNext()
    }

    /// Resource and path where the problem is about one of these documents.
    private static func rejection(_ problem: Problem, _ ids: Set<String>) -> Acknowledgement.Rejection {
        func text(_ text: String) -> String { String(decoding: text.utf8.prefix(1000), as: UTF8.self) }
        let place = problem.place.flatMap { ProblemPlace($0) }
        let resource = place?.source ?? problem.place ?? ""
        let isKnown = ids.contains(resource)
        return Acknowledgement.Rejection(
            resource: isKnown ? resource : "", path: isKnown ? text(place?.path ?? "") : "", code: problem.code.label,
            message: text(isKnown ? problem.message : problem.description))
    }

    // MARK: Roots and denials

    /// Writes the roots down where the identity is loaded from, and loads it: open peers are judged again by that.
    private func useTrust(of next: ControlledMesh) {
        guard next.trust != mesh.trust || next.retired != mesh.retired || next.denied != mesh.denied else { return }
        let own = runtime.state.identity?.identity.trustDomain
        do throws(Problem) {
            for (domain, pem) in next.trust where mesh.trust[domain] != pem || domain != own {
                guard Certificate.list(pem: Array(pem.utf8), limit: 256) != nil else {
                    throw Problem(.controlMessage, at: "trust.\(domain)", "does not hold root certificates in PEM")
                }
                if domain == own {
                    if runtime.state.file.proxy.renewsIdentity { try identityDirectory.replace(bundle: pem) }
                } else if let path = identityDirectory.bundlePath(of: domain) {
                    try Files.replace(path, with: Array(pem.utf8))
                }
            }
        } catch {
            runtime.log.log(LogLine(.error, "the roots that the control plane sends are not used", error))
        }
        // What comes of the documents beside them must not bring the old ones back.
        mesh.take(trustOf: next)
        runtime.use(trustOf: mesh)
    }
}
