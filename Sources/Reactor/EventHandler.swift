// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

public import LinuxSystem
public import MeshModel

/// Somebody whom an ``EventLoop`` tells about descriptors, deadlines and turns. A class to inherit from rather than a
/// protocol: one virtual call per event and no existential on the data path.
///
/// All of it happens on the loop's own thread. (Public rather than package, with the two types it speaks of, only because
/// Swift lets no other module subclass a package class.)
open class EventHandler {
    /// What the loop keeps of this handler. Nobody outside this module reaches it, so that the compiler proves that its
    /// accesses never overlap, and none of them is checked while the program runs; there are dozens for each request.
    final var place = Place()

    /// The loop's number for this handler; zero while it is not registered.
    package final var token: UInt64 { place.token }

    /// When ``deadlineReached(now:)`` is due; set through ``EventLoop/setDeadline(_:of:)``.
    package final var deadline: Instant { place.deadline }

    /// A handler without a place yet; ``EventLoop/add(_:)`` gives it one.
    public init() {}

    /// A descriptor of this handler has become ready. `slot` is the number it was registered with.
    open func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {}

    /// The deadline has come. It is unset; the handler sets the next one if there is one.
    open func deadlineReached(now: Instant) {}

    /// The turn that was asked for by ``EventLoop/again(_:)``.
    open func continueWork(now: Instant) {}

    /// The moment to send that was asked for by ``EventLoop/sendSoon(_:)``.
    open func sendGathered() {}
}

extension EventHandler {
    /// Where a handler is in the queues of its loop.
    struct Place {
        var token: UInt64 = 0
        var deadline = Instant.never
        /// The entry of the timer wheel that counts; an entry for another moment is stale.
        var scheduled = Instant.never
        var isInAgainQueue = false
        var isSendingSoon = false
    }
}

@available(*, unavailable)
extension EventHandler: Sendable {}
