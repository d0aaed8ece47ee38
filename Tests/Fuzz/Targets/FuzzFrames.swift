// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import PeerProtocol

/// Frames are the same in whatever pieces they come, and the rules of a connection hold for any sequence of them.
enum FuzzFrames {
    /// What was read, with DATA as one count between control frames, so that pieces do not show.
    private enum Item: Equatable {
        case data(Int)
        case control(ControlFrame)
        case violation(ProtocolViolation)
    }

    /// The first byte says how large the pieces are.
    static func run(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let stream = Array(bytes.dropFirst())
        let whole = read(stream, piece: max(1, stream.count))
        precondition(read(stream, piece: Int(first % 32) + 1) == whole, "Pieces make no difference.")
        follow(whole, PeerSession(role: .acceptor))
        var dialler = PeerSession(role: .dialler)
        _ = try? dialler.receive(.hello(HelloFrame()))
        _ = dialler.open()
        follow(whole, dialler)
    }

    private static func read(_ stream: [UInt8], piece: Int) -> [Item] {
        var reader = FrameReader()
        var items: [Item] = []
        for start in stride(from: 0, to: stream.count, by: piece) {
            let chunk = Array(stream[start..<min(stream.count, start + piece)])
            var offset = 0
            do throws(ProtocolViolation) {
                while let event = try reader.next(chunk.span.bytes, &offset) { add(event, chunk.count, &items) }
            } catch {
                return items + [.violation(error)]
            }
            precondition(offset == chunk.count, "A chunk is used up.")
        }
        return items
    }

    private static func add(_ event: FrameEvent, _ count: Int, _ items: inout [Item]) {
        switch event {
        case .control(let frame): items.append(.control(frame))
        case .data(let range):
            precondition(!range.isEmpty && range.upperBound <= count, "DATA lies within the chunk.")
            if case .data(let before) = items.last {
                items[items.count - 1] = .data(before + range.count)
            } else {
                items.append(.data(range.count))
            }
        }
    }

    /// What a driver does, as far as the rules ask it to.
    private static func follow(_ items: [Item], _ start: PeerSession) {
        var session = start
        for item in items {
            do throws(ProtocolViolation) {
                switch item {
                case .violation: return
                case .data(let count): _ = try session.receiveData(count)
                case .control(let frame): _ = try session.receive(frame)
                }
            } catch {
                return
            }
            if session.role == .acceptor, !session.isIdle, !session.isOpened, !session.hasEndedSending {
                session.acceptStream()
            }
            if session.hasEndedReceiving, !session.hasEndedSending { session.sendEnd() }
            precondition(!session.isPoolable || session.isIdle, "Only an idle connection goes back to the pool.")
        }
        _ = session.receiveCloseNotify()
    }
}
