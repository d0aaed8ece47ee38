// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import PeerProtocol
internal import Reactor

/// Says goodbye to the connections that were accepted with a certificate that has been replaced since: what is under way on
/// them ends in its own time, and what comes next is dialled anew and sees the new one.
///
/// Not to all at once, since each farewell is a handshake soon after: every round is for a share of them.
final class GradualFarewell: EventHandler {
    /// Chosen by us: few handshakes at a time, and yet over long before anybody takes the old certificate's root away.
    private static let spread: Duration = .seconds(4)
    private static let rounds = 40

    private unowned let thread: DataThread
    private var waiting: [PeerConnection] = []
    private var perRound = 1

    init(_ thread: DataThread) {
        self.thread = thread
        super.init()
        thread.loop.add(self)
    }

    /// Begins with every connection that is accepted now.
    func begin() {
        waiting = []
        thread.loop.forEachHandler { handler in
            if let peer = handler as? PeerConnection, peer.role == .acceptor { waiting.append(peer) }
        }
        perRound = max(1, (waiting.count + Self.rounds - 1) / Self.rounds)
        next()
    }

    override func deadlineReached(now: Instant) {
        let round = waiting.suffix(perRound)
        waiting.removeLast(round.count)
        for peer in round {
            // Who is in the middle of the handshake goes on with what it began with, and hears of it afterwards.
            if peer.phase == .handshaking { waiting.insert(peer, at: 0) } else { peer.announceRenewal() }
        }
        next()
    }

    private func next() {
        thread.loop.setDeadline(waiting.isEmpty ? .never : thread.loop.now + Self.spread / Self.rounds, of: self)
    }
}
