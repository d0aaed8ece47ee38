// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// What a descriptor is ready for, named after the kernel's bits.
public struct Readiness: OptionSet, Sendable {
    /// The kernel's bits.
    public let rawValue: UInt32

    /// From the kernel's bits.
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// EPOLLIN
    package static let readable = Readiness(rawValue: 0x001)
    /// EPOLLOUT
    package static let writable = Readiness(rawValue: 0x004)
    /// EPOLLERR
    package static let error = Readiness(rawValue: 0x008)
    /// EPOLLHUP
    package static let hangup = Readiness(rawValue: 0x010)
    /// EPOLLRDHUP: the peer has ended its direction.
    package static let peerEnded = Readiness(rawValue: 0x2000)

    /// Everything a connection can become, reported once per change.
    package static let everythingOnce = Readiness(rawValue: 0x001 | 0x004 | 0x2000 | WEFT_EDGE_TRIGGERED)
}

/// One readiness event and the token its descriptor was registered with.
package struct ReadinessEvent {
    package let readiness: Readiness
    package let token: UInt64
}

/// An epoll instance. Tokens are ours; the kernel only carries them. Its event buffer is read only within bounds.
@safe
package struct Epoll: ~Copyable {
    private let descriptor: Descriptor
    private let events: UnsafeMutablePointer<weft_event>
    private let capacity: Int32

    package init(capacity: Int = 256) throws(SystemError) {
        descriptor = Descriptor(owning: try check(weft_epoll_create(), "epoll_create1"))
        self.capacity = Int32(capacity)
        unsafe events = .allocate(capacity: capacity)
    }

    deinit {
        unsafe events.deallocate()
    }

    package borrowing func add(_ descriptor: Int32, _ readiness: Readiness, token: UInt64) throws(SystemError) {
        try check(weft_epoll_add(self.descriptor.number, descriptor, readiness.rawValue, token), "epoll_ctl ADD")
    }

    package borrowing func change(_ descriptor: Int32, _ readiness: Readiness, token: UInt64) throws(SystemError) {
        try check(weft_epoll_change(self.descriptor.number, descriptor, readiness.rawValue, token), "epoll_ctl MOD")
    }

    /// Closing a descriptor removes it too, unless a copy of it lives on somewhere.
    package borrowing func remove(_ descriptor: Int32) {
        _ = weft_epoll_remove(self.descriptor.number, descriptor)
    }

    /// Waits for events, at most `milliseconds` (-1: for ever); how many there are. An interruption counts as none.
    package borrowing func wait(milliseconds: Int32) throws(SystemError) -> Int {
        let count = unsafe weft_epoll_wait(descriptor.number, events, capacity, milliseconds)
        if count == -Errno.interrupted.number { return 0 }
        return Int(try check(count, "epoll_wait"))
    }

    /// One of the events of the last wait.
    package borrowing func event(_ index: Int) -> ReadinessEvent {
        precondition(index < capacity, "Events are read only up to the count that wait returned.")
        let event = unsafe events[index]
        return ReadinessEvent(readiness: Readiness(rawValue: event.events), token: event.token)
    }
}
