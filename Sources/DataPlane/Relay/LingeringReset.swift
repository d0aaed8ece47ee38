// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// Resets a connection, but not before the other side has got what was really sent to it.
///
/// A reset throws away what still lies in our kernel's send queue. A client whose server answered and then died must get
/// the answer first and the reset after it, as it would have without us. So the reset waits until everything is
/// acknowledged, but not for ever: a reader that does not read is reset after ten seconds.
final class LingeringReset: EventHandler {
    private static let patience: Duration = .seconds(10)
    private static let firstLook: Duration = .milliseconds(8)
    private static let longestPause: Duration = .milliseconds(250)

    private let thread: DataThread
    private let end: PlainEnd
    private let giveUpAt: Instant
    private var pause = firstLook

    /// Takes over a socket that is registered in the loop, with what it still has to be given.
    static func begin(_ thread: DataThread, _ end: PlainEnd, now: Instant) {
        if !end.pending.isEmpty { _ = end.flush() }
        guard end.isOpen, !end.isDelivered(), let taken = end.take() else {
            end.reset()
            return
        }
        let lingering = LingeringReset(thread, taken, now: now)
        thread.loop.add(lingering)
        do throws(SystemError) {
            try thread.loop.rewatch(lingering.end.number, for: lingering, .everythingOnce)
        } catch {
            lingering.finish()
            return
        }
        thread.lingeringCount += 1
        thread.loop.setDeadline(now + firstLook, of: lingering)
    }

    private init(_ thread: DataThread, _ end: PlainEnd, now: Instant) {
        self.thread = thread
        self.end = end
        giveUpAt = now + Self.patience
        super.init()
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        if !readiness.isDisjoint(with: [.error, .hangup]) || end.flush() != nil { finish() }
    }

    override func deadlineReached(now: Instant) {
        guard !end.isDelivered(), now < giveUpAt else { return finish() }
        pause = min(pause * 2, Self.longestPause)
        thread.loop.setDeadline(now + pause, of: self)
    }

    private func finish() {
        guard token != 0 else { return }
        end.reset()
        thread.loop.remove(self)
        thread.lingeringCount -= 1
    }
}
