// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Whether a stream that did not come about may be tried again on another connection without the application ever seeing
/// anything twice.
package struct Replay: Sendable {
    /// How a stream failed before OPENED.
    package enum Failure: Sendable, CaseIterable {
        /// The peer said, inside the authenticated connection, that it did not accept the stream: GOAWAY below it,
        /// close_notify, or RESET before the application was reached.
        case rejectedByPeer
        /// A TCP reset, a timeout, an end of file: what the peer did with the bytes is unknown.
        case ambiguous
    }

    private var hasTriedAgain = false
    private var hasSentData = false

    package init() {}

    /// A connection is chosen, on which nothing has been sent yet.
    package mutating func beginAttempt() { hasSentData = false }

    /// DATA of the current attempt has been handed to the kernel.
    package mutating func sendData() { hasSentData = true }

    /// True if the application cannot have seen anything of the current attempt.
    package func isSafe(after failure: Failure) -> Bool { failure == .rejectedByPeer || !hasSentData }

    /// True if the stream may be opened once more at the same endpoint. Only ever once: two stale connections in a row are
    /// not bad luck.
    package mutating func mayTryAgain(after failure: Failure) -> Bool {
        guard !hasTriedAgain, isSafe(after: failure) else { return false }
        hasTriedAgain = true
        return true
    }
}
