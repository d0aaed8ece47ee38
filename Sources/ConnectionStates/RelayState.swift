// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// The two directions of a connection, seen from the proxy: what the client sends, and what the server sends.
package enum RelayDirection: Sendable, CaseIterable {
    /// From the downstream (who connected to us) to the upstream (whom we connected to).
    case forward
    /// From the upstream to the downstream.
    case backward

    package var opposite: RelayDirection { self == .forward ? .backward : .forward }
}

/// How far a relayed connection is: half-close, and the deadlines of stillness.
///
/// ```
///                    forward ended
///   both flowing ───────────────────▶ half-closed ───┐
///        │            backward ended      ▲          │ the other one ended
///        └────────────────────────────────┘          ▼
///                                                 complete
/// ```
/// Stillness is judged by what moves, in either direction: a download may take hours after its request has ended.
package struct RelayState: Sendable {
    private var hasEnded: (forward: Bool, backward: Bool) = (false, false)
    private var lastMovement: Instant

    package init(now: Instant) { lastMovement = now }

    /// Both directions have ended cleanly.
    package var isComplete: Bool { hasEnded.forward && hasEnded.backward }
    package var isHalfClosed: Bool { hasEnded.forward != hasEnded.backward }

    package func hasEnded(_ direction: RelayDirection) -> Bool {
        direction == .forward ? hasEnded.forward : hasEnded.backward
    }

    /// The end of a direction has been passed on, everything before it too.
    package mutating func end(_ direction: RelayDirection, now: Instant) {
        switch direction {
        case .forward: hasEnded.forward = true
        case .backward: hasEnded.backward = true
        }
        lastMovement = now
    }

    /// Bytes moved.
    package mutating func move(now: Instant) { lastMovement = now }

    /// When stillness becomes an outcome, and which.
    package func stillness(_ timeouts: ProxyTimeouts) -> (deadline: Instant, outcome: ErrorCode) {
        if isHalfClosed { return (lastMovement + timeouts.halfClose, .halfCloseTimeout) }
        guard timeouts.idle > .zero else { return (.never, .idleTimeout) }
        return (lastMovement + timeouts.idle, .idleTimeout)
    }
}
