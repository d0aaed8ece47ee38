// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import PeerProtocol
import Testing

@Suite("A peer that sends anything")
struct HostilePeerTests {
    private static let seed: UInt64 = 424_242

    /// A driver that does only what the session allows, as ours does, in an order that chance decides.
    private static func act(_ session: inout PeerSession, _ random: inout SeededRandom) {
        switch Int.random(in: 0..<6, using: &random) {
        case 0 where session.role == .dialler && session.isIdle && (session.isPoolable || !session.isConfirmed):
            if !session.peerIsGoingAway { _ = session.open() }
        case 1 where session.role == .acceptor && session.currentStream != nil && !session.isOpened:
            if !session.hasEndedSending { session.acceptStream() }
        case 2 where session.maySend && session.isOpened && !session.isSendingRaw: session.sendRaw()
        case 3 where session.maySend && session.isOpened: session.sendEnd()
        case 4 where !session.isIdle && !session.hasEndedSending && !session.isSendingRaw:
            session.sendReset(isRefusal: Bool.random(using: &random))
        case 5 where Int.random(in: 0..<20, using: &random) == 0: session.sendGoAway()
        default: break
        }
    }

    private static func frame(_ number: UInt32, _ random: inout SeededRandom) -> ControlFrame {
        let stream = Int.random(in: 0..<10, using: &random) == 0 ? random.next(upperBound: 4) : number
        switch Int.random(in: 0..<7, using: &random) {
        case 0: return .hello(HelloFrame())
        case 1: return .open(OpenFrame(stream: stream))
        case 2: return .opened(stream: stream)
        case 3: return .fin(stream: stream)
        case 4:
            var reset = ResetFrame(
                stream: stream, reason: ResetReason.allCases.randomElement(using: &random) ?? .aborted)
            reset.hasTouchedApplication = Bool.random(using: &random)
            return .reset(reset)
        case 5: return .raw
        default: return .goAway(lastStream: stream)
        }
    }

    @Test(
        "never traps, and never makes a connection fit that should not be",
        arguments: [PeerSession.Role.dialler, .acceptor])
    func anything(_ role: PeerSession.Role) {
        var random = SeededRandom(seed: Self.seed)
        for round in 0..<4000 {
            var session = PeerSession(role: role)
            var isSpoilt = false
            for _ in 0..<40 {
                Self.act(&session, &random)
                let number = session.currentStream ?? session.lastStreamNumber + 1
                do throws(ProtocolViolation) {
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: _ = try session.receiveData(Int.random(in: 1...100_000, using: &random))
                    case 1 where Int.random(in: 0..<10, using: &random) == 0:
                        if session.receiveCloseNotify() { isSpoilt = true }
                    default:
                        let frame = Self.frame(number, &random)
                        let meaning = try session.receive(frame)
                        if frame == .raw { isSpoilt = true }
                        if case .goAway = meaning { isSpoilt = true }
                        if case .aborted(let reset, _) = meaning, reset.reason == .aborted { isSpoilt = true }
                    }
                } catch {
                    // The connection is over; another one begins.
                    break
                }
                if isSpoilt { #expect(!session.isPoolable, "seed \(Self.seed), round \(round)") }
                #expect(session.isIdle == (session.currentStream == nil))
                if session.isPoolable { #expect(session.isIdle && session.isConfirmed) }
            }
        }
    }

    @Test("two honest ends never see a violation, whatever they do and however late they hear of it")
    func honest() throws {
        var random = SeededRandom(seed: Self.seed + 1)
        for round in 0..<3000 {
            var pair = HonestPair()
            for _ in 0..<60 { pair.step(&random) }
            try #require(pair.violation == nil, "seed \(Self.seed + 1), round \(round): \(pair.history)")
        }
    }
}

extension SeededRandom {
    fileprivate mutating func next(upperBound: UInt32) -> UInt32 { UInt32.random(in: 0..<upperBound, using: &self) }
}

/// A dialler and an acceptor that keep the rules, with what is on its way between them.
private struct HonestPair {
    private var dialler = PeerSession(role: .dialler)
    private var acceptor = PeerSession(role: .acceptor)
    private var toAcceptor: [ControlFrame] = []
    private var toDialler: [ControlFrame] = [.hello(HelloFrame())]
    private var hasSaidGoodbye = false
    private(set) var violation: ProtocolViolation?
    private(set) var history: [String] = []

    mutating func step(_ random: inout SeededRandom) {
        guard violation == nil else { return }
        switch Int.random(in: 0..<8, using: &random) {
        case 0..<3: deliver(toTheDialler: false)
        case 3..<6: deliver(toTheDialler: true)
        case 6: actAsDialler(&random)
        default: actAsAcceptor(&random)
        }
    }

    private mutating func deliver(toTheDialler: Bool) {
        guard !(toTheDialler ? toDialler : toAcceptor).isEmpty else { return }
        let frame = toTheDialler ? toDialler.removeFirst() : toAcceptor.removeFirst()
        history.append("\(toTheDialler ? "<-" : "->") \(frame.type)")
        do throws(ProtocolViolation) {
            let meaning = toTheDialler ? try dialler.receive(frame) : try acceptor.receive(frame)
            guard case .aborted(let reset, answer: true) = meaning else { return }
            // A refusal is answered by FIN, an abort by RESET, as the driver does.
            let isRefusal = reset.reason != .aborted
            let answer: ControlFrame =
                isRefusal ? .fin(stream: reset.stream) : .reset(ResetFrame(stream: reset.stream, reason: .aborted))
            if toTheDialler {
                if isRefusal { dialler.sendEnd() } else { dialler.sendReset(isRefusal: false) }
                toAcceptor.append(answer)
            } else {
                if isRefusal { acceptor.sendEnd() } else { acceptor.sendReset(isRefusal: false) }
                toDialler.append(answer)
            }
        } catch {
            violation = error
        }
    }

    private mutating func actAsDialler(_ random: inout SeededRandom) {
        if dialler.isIdle {
            guard dialler.isPoolable || !dialler.isConfirmed, !dialler.peerIsGoingAway else { return }
            toAcceptor.append(.open(OpenFrame(stream: dialler.open())))
        } else if let number = dialler.currentStream, !dialler.hasEndedSending {
            if Bool.random(using: &random) {
                dialler.sendEnd()
                toAcceptor.append(.fin(stream: number))
            } else {
                // It is the acceptor who refuses; a dialler aborts.
                dialler.sendReset(isRefusal: false)
                toAcceptor.append(.reset(ResetFrame(stream: number, reason: .aborted)))
            }
        }
    }

    private mutating func actAsAcceptor(_ random: inout SeededRandom) {
        guard let number = acceptor.currentStream, !acceptor.hasEndedSending else {
            guard !hasSaidGoodbye, Int.random(in: 0..<4, using: &random) == 0 else { return }
            hasSaidGoodbye = true
            acceptor.sendGoAway()
            toDialler.append(.goAway(lastStream: acceptor.lastStreamNumber))
            return
        }
        if !acceptor.isOpened, Bool.random(using: &random) {
            acceptor.acceptStream()
            toDialler.append(.opened(stream: number))
        } else if acceptor.isOpened, Bool.random(using: &random) {
            acceptor.sendEnd()
            toDialler.append(.fin(stream: number))
        } else {
            let isRefusal = !acceptor.isOpened
            acceptor.sendReset(isRefusal: isRefusal)
            toDialler.append(.reset(ResetFrame(stream: number, reason: isRefusal ? .refused : .aborted)))
        }
    }
}
