// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The span in which a certificate holds. Everyone who verifies asks here, so that a sidecar and the control plane never
/// differ over a clock.
package struct CertificateValidity: Hashable, Sendable {
    /// How far in the future a certificate may begin and still be taken: clocks differ, and a certificate is used the
    /// moment it is issued. Its end has no such tolerance, for a certificate that was meant to die must die.
    package static let startTolerance: Duration = .seconds(60)

    /// Certificates begin this long before they are made, for those whose clock is behind: a quarter of an hour, as a machine
    /// has it whose clock nobody sets, and something to spare.
    package static let backdating: Duration = .seconds(1200)

    package let notBefore: WallTime
    package let notAfter: WallTime

    package init(notBefore: WallTime, notAfter: WallTime) {
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// What is wrong at a moment, with direction and amount; nil if the certificate holds. `certificate` names it in the
    /// message, `the leaf`. The last second counts (RFC 5280 section 4.1.2.5).
    package func problem(at now: WallTime, of certificate: String) -> Problem? {
        if now.seconds > notAfter.seconds {
            return Problem(
                .expired, at: certificate, "expired \(Self.amount(notAfter, now)) ago, at \(notAfter)",
                remedy: "renew it, or look whether the clock here is ahead")
        }
        if notBefore > now + Self.startTolerance {
            return Problem(
                .notYetValid, at: certificate, "begins \(Self.amount(now, notBefore)) from now, at \(notBefore)",
                remedy: "the clock here is behind by that much, or that of the issuer is ahead")
        }
        return nil
    }

    /// Whole seconds: certificates know no smaller unit.
    private static func amount(_ earlier: WallTime, _ later: WallTime) -> String {
        DurationText.lifetimeText(.seconds(later.seconds - earlier.seconds))
    }

    /// How much of the span is over at a moment, 0 to 1.
    package func elapsedShare(at now: WallTime) -> Double {
        let whole = notAfter.seconds - notBefore.seconds
        guard whole > 0 else { return 1 }
        return min(1, max(0, Double(now.seconds - notBefore.seconds) / Double(whole)))
    }
}
