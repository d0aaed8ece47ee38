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

    private var attempts = 0
    private var hasSentData = false

    package init() {}

    /// DATA of the current attempt has been handed to the kernel.
    package mutating func sentData() { hasSentData = true }

    /// True if the stream may be opened once more. Only ever once: two stale connections in a row are not bad luck.
    package mutating func mayTryAgain(after failure: Failure) -> Bool {
        guard attempts == 0, failure == .rejectedByPeer || !hasSentData else { return false }
        attempts += 1
        hasSentData = false
        return true
    }
}
