// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// Gives memory back to the kernel after a burst of connections.
///
/// A handshake takes some 40 KiB for a moment, in pieces that lie between those that stay; the allocator keeps the holes.
/// Trimming returns the pages of the holes, but walks the whole heap (about 1 ms for 10 MiB), so it is done when the thread
/// has nothing better to do, or, under steady load, only after many connections and seldom.
final class MemoryKeeper: EventHandler {
    /// Beginnings and ends of connections that are worth a trim when it is quiet.
    private static let worthwhile = 64
    /// And when it is not.
    private static let pressing = 2048
    private static let quietTime: Duration = .seconds(1)
    private static let pressingInterval: Duration = .seconds(30)
    /// Turns of the loop within the quiet time that still count as quiet.
    private static let quietTurns: UInt64 = 50

    private unowned let loop: EventLoop
    private var churn = 0
    private var turnsBefore: UInt64 = 0
    private var lastTrim: Instant

    init(_ loop: EventLoop) {
        self.loop = loop
        lastTrim = loop.now
        super.init()
        loop.add(self)
    }

    /// A connection began or ended.
    func note() {
        churn += 1
        if churn == Self.worthwhile { look() }
    }

    private func look() {
        turnsBefore = loop.turnCount
        loop.setDeadline(loop.now + Self.quietTime, of: self)
    }

    override func deadlineReached(now: Instant) {
        let isQuiet = loop.turnCount - turnsBefore < Self.quietTurns
        let isPressing = churn >= Self.pressing && now - lastTrim >= Self.pressingInterval
        guard isQuiet || isPressing else { return look() }
        ThisProcess.trimHeap()
        churn = 0
        lastTrim = now
    }
}
