// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import LinuxSystem
package import MeshModel

/// One loop, one thread, no locks: waits for readiness and deadlines and calls handlers, each for a bounded piece of work.
///
/// A turn:
/// ```
///   epoll_wait (until the next deadline; at once if somebody wants another turn)
///     ├─▶ events      handler.ready(…)          an event for a handler that has left is recognised and dropped
///     │    └─▶ sends  handler.sendGathered()    whenever two have something to send, and again when the turn ends
///     ├─▶ again       handler.continueWork(…)   those that stopped at their budget last turn, one after the other
///     ├─▶ deadlines   handler.deadlineReached(…)
///     └─▶ endOfTurn   whatever was put off to be done once for all events of the turn
/// ```
///
/// A token is `slot (8 bits) | generation (24) | index (32)`. The generation tells a handler from the one that had its
/// index before, so that an event still queued in the kernel for a closed descriptor finds nobody.
///
/// Created inside its thread and never leaves it; others reach it through a ``Mailbox``.
package final class EventLoop {
    /// So many may wait for ``sendSoon(_:)``. With more, a busy loop keeps from the next process what it could work on, and
    /// both rest in turns; with one, each send is followed by code that the processor's caches have lost (ADR 0021).
    private static let waitingSenders = 2

    private let epoll: Epoll
    private var handlers = HandlerTable()
    private var wheel: TimerWheel
    private var againQueue: [EventHandler] = []
    /// Empty, with the memory for entries that are due.
    private var spentDue: [TimerWheel.Entry] = []
    private static let dueMax = 256
    private var putOff: [() -> Void] = []
    private var senders: [EventHandler] = []
    private var isRunning = false

    // Read from outside through what is computed, for the reason that `EventHandler.place` gives.
    private var beganAt: Instant
    private var turns: UInt64 = 0
    private var registeredCount = 0

    /// The moment this turn began; what happens within one turn happens now.
    package var now: Instant { beganAt }

    /// Turns so far: how busy the loop is.
    package var turnCount: UInt64 { turns }

    /// Handlers registered at present.
    package var handlerCount: Int { registeredCount }

    package init() throws(SystemError) {
        epoll = try Epoll()
        let now = Instant.now()
        beganAt = now
        wheel = TimerWheel(now: now)
    }

    // MARK: Registration

    /// Gives the handler its place in the loop, without a descriptor yet.
    package func add(_ handler: EventHandler) {
        precondition(handler.place.token == 0, "A handler is added once.")
        handler.place.token = changeHandlers { $0.add(handler) }
        registeredCount += 1
    }

    /// Tells the handler about a descriptor, which the handler owns. Closing the descriptor ends that by itself.
    package func watch(
        _ descriptor: Int32, for handler: EventHandler, slot: UInt8 = 0, _ readiness: Readiness = .everythingOnce
    ) throws(SystemError) {
        try epoll.add(descriptor, readiness, token: Self.token(handler, slot))
    }

    /// Changes what is told about a descriptor.
    package func rewatch(
        _ descriptor: Int32, for handler: EventHandler, slot: UInt8 = 0, _ readiness: Readiness
    ) throws(SystemError) {
        try epoll.change(descriptor, readiness, token: Self.token(handler, slot))
    }

    /// Stops telling about a descriptor that stays open.
    package func unwatch(_ descriptor: Int32) { epoll.remove(descriptor) }

    /// Takes the handler out: no event, deadline or turn reaches it any more, not even one already on its way.
    package func remove(_ handler: EventHandler) {
        guard handler.place.token != 0 else { return }
        changeHandlers { $0.remove(handler.place.token) }
        handler.place.token = 0
        handler.place.deadline = .never
        handler.place.scheduled = .never
        registeredCount -= 1
    }

    /// Puts `successor` in the place of `handler`: it gets the events of the descriptors that were registered for it,
    /// without a system call.
    package func replace(_ handler: EventHandler, with successor: EventHandler) {
        precondition(
            handler.place.token != 0 && successor.place.token == 0,
            "A successor takes the place of a registered handler.")
        changeHandlers { $0.replace(handler.place.token, with: successor) }
        successor.place.token = handler.place.token
        handler.place.token = 0
        handler.place.deadline = .never
        handler.place.scheduled = .never
    }

    /// Calls `body` with every handler that is registered now. `body` puts off what adds or removes handlers.
    package func forEachHandler(_ body: (EventHandler) -> Void) {
        for case let handler? in handlers.all { body(handler) }
    }

    /// Swapped out to be changed: what is lent is checked while the program runs. Who leaves is still held by whoever has it
    /// leave, so that nothing ends, and comes back here, meanwhile.
    @inline(__always)
    private func changeHandlers<Result>(_ change: (inout HandlerTable) -> Result) -> Result {
        var table = HandlerTable()
        swap(&table, &handlers)
        let result = change(&table)
        handlers = table
        return result
    }

    private static func token(_ handler: EventHandler, _ slot: UInt8) -> UInt64 {
        precondition(handler.place.token != 0, "A handler is added before its descriptors.")
        return handler.place.token | UInt64(slot) << 56
    }

    // MARK: Time and turns

    /// Sets or, with ``Instant/never``, unsets the deadline of a handler that has been added. Moving it later costs nothing.
    package func setDeadline(_ deadline: Instant, of handler: EventHandler) {
        guard handler.place.token != 0 else { return }
        handler.place.deadline = deadline
        guard deadline < handler.place.scheduled else { return }
        handler.place.scheduled = deadline
        wheel.insert(handler.place.token, due: deadline)
    }

    /// Gives the handler a further turn, after everybody else has had one.
    package func again(_ handler: EventHandler) {
        guard handler.place.token != 0, !handler.place.isInAgainQueue else { return }
        handler.place.isInAgainQueue = true
        // Swapped out to be changed: what is lent is checked while the program runs.
        var queue: [EventHandler] = []
        swap(&queue, &againQueue)
        queue.append(handler)
        againQueue = queue
    }

    /// Does something once, when the events of this turn have been handled.
    package func atEndOfTurn(_ body: @escaping () -> Void) { putOff.append(body) }

    /// Calls ``EventHandler/sendGathered()`` once, soon: what is sent then is sent in one go for all that happened in this
    /// piece of work, and whoever it is for wakes up once.
    package func sendSoon(_ handler: EventHandler) {
        guard !handler.place.isSendingSoon else { return }
        handler.place.isSendingSoon = true
        var queue: [EventHandler] = []
        swap(&queue, &senders)
        queue.append(handler)
        senders = queue
    }

    /// Runs until ``stop()``.
    package func run() throws(SystemError) {
        isRunning = true
        while isRunning { try turn() }
    }

    package func stop() { isRunning = false }

    /// One turn. `patience` bounds the wait where nothing is due.
    package func turn(patience: Duration? = nil) throws(SystemError) {
        let count = try epoll.wait(milliseconds: waitTime(patience))
        let now = Instant.now()
        beganAt = now
        turns += 1
        for index in 0..<count {
            let event = epoll.event(index)
            guard let handler = handler(event.token) else { continue }
            handler.ready(event.readiness, slot: UInt8(truncatingIfNeeded: event.token >> 56), now: now)
            if senders.count >= Self.waitingSenders { letSend() }
        }
        runAgainQueue()
        runDeadlines()
        runPutOff()
        letSend()
    }

    private func waitTime(_ patience: Duration?) -> Int32 {
        if !againQueue.isEmpty || !putOff.isEmpty || !senders.isEmpty { return 0 }
        var wait = patience.map { Int32(clamping: $0.wholeMilliseconds) } ?? -1
        if let next = wheel.next() {
            // Rounded up, so that it is due when we wake.
            let nanoseconds = max(0, next.nanoseconds - Instant.now().nanoseconds)
            let milliseconds = Int32(clamping: (nanoseconds + 999_999) / 1_000_000)
            wait = wait < 0 ? milliseconds : min(wait, milliseconds)
        }
        return wait
    }

    private func handler(_ token: UInt64) -> EventHandler? {
        guard let handler = handlers.handler(token) else { return nil }
        return handler.place.token == token & 0x00ff_ffff_ffff_ffff ? handler : nil
    }

    private func runAgainQueue() {
        guard !againQueue.isEmpty else { return }
        var queue: [EventHandler] = []
        swap(&queue, &againQueue)
        for handler in queue {
            handler.place.isInAgainQueue = false
            if handler.place.token != 0 { handler.continueWork(now: now) }
        }
        queue.removeAll(keepingCapacity: true)
        // Its memory serves the next turn, unless somebody has asked for that already.
        if againQueue.isEmpty { againQueue = queue }
    }

    private func runDeadlines() {
        guard wheel.count > 0 else { return }
        var due: [TimerWheel.Entry] = []
        swap(&due, &spentDue)
        wheel.advance(to: now) { due.append($0) }
        for entry in due {
            guard let handler = handler(entry.token), handler.place.scheduled == entry.due else { continue }
            handler.place.scheduled = .never
            let deadline = handler.place.deadline
            guard deadline <= now else {
                if deadline != .never { setDeadline(deadline, of: handler) }
                continue
            }
            handler.place.deadline = .never
            handler.deadlineReached(now: now)
        }
        // Its memory serves the next turn; that of many at once does not stay.
        guard due.capacity <= Self.dueMax else { return }
        due.removeAll(keepingCapacity: true)
        spentDue = due
    }

    private func runPutOff() {
        guard !putOff.isEmpty else { return }
        let bodies = putOff
        putOff.removeAll(keepingCapacity: true)
        for body in bodies { body() }
    }

    private func letSend() {
        guard !senders.isEmpty else { return }
        var handlers: [EventHandler] = []
        swap(&handlers, &senders)
        for handler in handlers {
            handler.place.isSendingSoon = false
            if handler.place.token != 0 { handler.sendGathered() }
        }
        handlers.removeAll(keepingCapacity: true)
        if senders.isEmpty { senders = handlers }
    }
}

@available(*, unavailable)
extension EventLoop: Sendable {}
