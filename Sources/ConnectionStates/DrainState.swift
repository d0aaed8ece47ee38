// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// How a proxy ends.
///
/// ```
///   running ── begin ──▶ settling ── settle time ──▶ finishing ── empty ──▶ over(clean)
///                            │ empty is not enough:       │
///                            │ others may still come      └── deadline ──▶ over(cut)
/// ```
/// Empty is not enough at the end of settling either: whoever rests on a connection to us has to hear first that nothing
/// more is taken on it. ``inboundIsClosed()`` says that this was done.
///
/// While settling, inbound connections are still accepted, because whoever dials us has not heard yet that we leave.
/// Outbound connections are accepted to the end: the application may need them to end itself.
package struct DrainState: Sendable {
    package enum Phase: Equatable, Sendable {
        case running
        /// Not ready any more, still accepting.
        case settling
        /// Inbound listeners are closed; what is open goes on.
        case finishing
        /// Everything has ended, cleanly or because the deadline came.
        case over(wasClean: Bool)
    }

    private let settings: DrainSettings
    private var startedAt: Instant?
    private var isCut = false
    private var isInboundClosed = false

    package init(_ settings: DrainSettings) { self.settings = settings }

    package var hasBegun: Bool { startedAt != nil }

    /// Begins to drain; a second call changes nothing.
    package mutating func begin(now: Instant) {
        if startedAt == nil { startedAt = now }
    }

    /// Nothing is accepted any more, and all who are connected have been told.
    package mutating func inboundIsClosed() { isInboundClosed = true }

    /// The deadline holds from now on.
    package mutating func cut() { isCut = true }

    package func phase(now: Instant, connectionCount: Int) -> Phase {
        guard let startedAt else { return isCut ? .over(wasClean: connectionCount == 0) : .running }
        if isCut || now >= startedAt + settings.deadline { return .over(wasClean: connectionCount == 0) }
        if now < startedAt + settings.settle { return .settling }
        return isInboundClosed && connectionCount == 0 ? .over(wasClean: true) : .finishing
    }

    /// When to ask again, if nothing happens before.
    package func nextChange(now: Instant) -> Instant {
        guard let startedAt else { return .never }
        let settled = startedAt + settings.settle
        return now < settled ? min(settled, startedAt + settings.deadline) : startedAt + settings.deadline
    }
}
