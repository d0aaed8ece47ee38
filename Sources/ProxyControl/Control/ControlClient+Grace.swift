// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlLink
internal import DataPlane
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import TLSSession
internal import Telemetry

/// A certificate that has expired: the proxy was stopped, or its control plane away, for longer than it lived.
///
/// ```
///   valid ── its end, or found so at the start ──▶ expired ── renewed by its key, at the join port ──▶ valid
///                                                    └─ seven days ──▶ lost: somebody has to join again
/// ```
/// Until it is renewed the proxy is as one without an identity: not ready, what needs an identity is held and then refused.
extension ControlClient {
    /// What is known of an expired certificate that is being renewed.
    struct Grace {
        let expired: IdentityMaterial
        let end: WallTime
        var failures = 0
        /// What was logged last; the same is not said again and again.
        var told: Problem?
    }

    /// How long after its end a certificate can be renewed by its key alone; the control plane counts the same.
    private static let graceTime = Duration.seconds(7 * 86_400)
    /// Before the first attempt: those who were stopped together do not come back at one moment.
    private static let spread = Duration.seconds(1)
    /// As for the watch: a proxy that is not ready cannot wait long for a control plane that is back.
    private static let longestWait = Duration.seconds(10)
    /// After an answer. A control plane that has decided is not asked every second, and counts wrong attempts.
    private static let waitAfterRefusal = Duration.seconds(30)

    /// At the start, every ten seconds, and when a certificate ends.
    func lookWhetherExpired() {
        guard grace == nil, runtime.state.file.proxy.renewsIdentity else { return }
        let now = WallTime.now()
        if let end = runtime.state.identity?.chain.first?.notAfter, now <= end { return }
        guard let expired = runtime.identityKeeper.expired(now: now), let end = expired.chain.first?.notAfter,
            let settings = runtime.state.file.proxy.control
        else { return }
        joinLink = joinLink ?? JoinLink(runtime.loop, settings)
        grace = Grace(expired: expired, end: end)
        runtime.dataPlane.forgetIdentity()
        let problem = Problem(.identityExpired, "the certificate ended at \(end); it is being renewed by its key")
        runtime.state.expiryProblem = problem
        runtime.log.log(LogLine(.error, "certificate expired; the proxy is without an identity", problem))
        let wait = Self.spread * Double.random(in: 0...1, using: &random)
        runtime.loop.setDeadline(runtime.loop.now + wait, of: graceAlarm)
    }

    /// Another certificate is in force, whoever has brought it.
    func endGrace(_ material: IdentityMaterial) {
        let (loop, now) = (runtime.loop, WallTime.now())
        guard let end = material.chain.first?.notAfter, now <= end else { return }
        grace = nil
        runtime.state.expiryProblem = nil
        loop.setDeadline(loop.now + (end - now) + .milliseconds(1), of: graceAlarm)
    }

    /// The alarm of ``graceAlarm``: the certificate in force has ended, or it is time for an attempt.
    func graceDue() {
        guard let grace else { return lookWhetherExpired() }
        guard WallTime.now() <= grace.end + Self.graceTime else {
            let problem = Problem(.identityLost, "the certificate ended at \(grace.end)", remedy: "join again")
            runtime.state.expiryProblem = problem
            return runtime.log.log(LogLine(.error, "certificate lost; it cannot be renewed any more", problem))
        }
        do throws(Problem) {
            guard let leaf = grace.expired.chain.first else { return }
            let key = try pendingKey.key(for: leaf)
            joinLink?.renew(grace.expired, with: key) { [unowned self] result in
                do throws(Problem) {
                    try install(try result.get(), key, grace.expired)
                    // What is installed and yet not loaded is as good as nothing.
                    guard self.grace != nil else { return }
                    throw runtime.state.identityProblem ?? Problem(.identityExpired, "the new one is not in force")
                } catch {
                    graceFailed(error)
                }
            }
        } catch {
            graceFailed(error)
        }
    }

    private func graceFailed(_ problem: Problem) {
        // Somebody else may have brought a certificate in the meantime.
        guard var grace else { return }
        counts.renewals.failed += 1
        grace.failures += 1
        let told = Problem(
            .graceRenewalFailed, at: problem.place,
            "\(problem.code.label) \(problem.message); the certificate ended at \(grace.end)", remedy: problem.remedy)
        runtime.state.expiryProblem = told
        runtime.log.log(
            LogLine(told == grace.told ? .debug : .warn, "expired certificate not renewed; it is tried again", told))
        grace.told = told
        self.grace = grace
        let loop = runtime.loop
        // All addresses are tried before the wait grows.
        let round = min(grace.failures / max(1, joinLink?.addressCount ?? 1), 10)
        let longest = min(Self.longestWait, .seconds(1 << round))
        var wait = longest * Double.random(in: 0...1, using: &random)
        if problem.code == .controlRefused { wait = Self.waitAfterRefusal + wait }
        loop.setDeadline(loop.now + max(.milliseconds(100), wait), of: graceAlarm)
    }
}
