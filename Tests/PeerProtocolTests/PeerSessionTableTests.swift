// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import PeerProtocol
import Testing

/// Ways into each state of a session, under the names that the protocol page gives them.
enum SessionState {
    static func session(_ role: PeerSession.Role, _ state: String) throws -> PeerSession? {
        var session = PeerSession(role: role)
        switch role {
        case .dialler: try reach(state, asDialler: &session)
        case .acceptor: try reach(state, asAcceptor: &session)
        }
        return session
    }

    private static func reach(_ state: String, asDialler session: inout PeerSession) throws {
        guard state != "before HELLO" else { return }
        if state == "OPEN sent before HELLO" {
            _ = session.open()
            return
        }
        _ = try session.receive(.hello(HelloFrame()))
        guard state != "idle" else { return }
        let number = session.open()
        switch state {
        case "OPEN sent": return
        case "RESET sent before OPENED": return session.sendReset(isRefusal: false)
        default: _ = try session.receive(.opened(stream: number))
        }
        try finish(state, &session, number)
    }

    private static func reach(_ state: String, asAcceptor session: inout PeerSession) throws {
        switch state {
        case "idle": return
        case "GOAWAY sent, idle": return session.sendGoAway()
        case "GOAWAY sent, OPEN crossed it":
            session.sendGoAway()
            _ = try session.receive(.open(OpenFrame(stream: 1)))
            return
        default: _ = try session.receive(.open(OpenFrame(stream: 1)))
        }
        switch state {
        case "OPEN received": return
        case "RESET sent before OPENED": return session.sendReset(isRefusal: true)
        default: session.acceptStream()
        }
        try finish(state, &session, 1)
    }

    private static func finish(_ state: String, _ session: inout PeerSession, _ number: UInt32) throws {
        switch state {
        case "open": return
        case "FIN sent": session.sendEnd()
        case "FIN received": _ = try session.receive(.fin(stream: number))
        case "RAW sent": session.sendRaw()
        case "RAW received": _ = try session.receive(.raw)
        case "RESET sent": session.sendReset(isRefusal: false)
        default: throw UnknownState(name: state)
        }
    }

    struct UnknownState: Error {
        let name: String
    }
}

@Suite("Every frame in every state, as the protocol page says")
struct PeerSessionTableTests {
    /// What happened, in the words of the page.
    private static func outcome(of column: String, _ session: inout PeerSession) -> String {
        let number = session.currentStream ?? session.lastStreamNumber + (session.role == .acceptor ? 1 : 0)
        if column == "close_notify" { return session.receiveCloseNotify() ? "yes" : "cut" }
        do throws(ProtocolViolation) {
            switch column {
            case "DATA": return try session.receiveData(1) ? "yes" : "drop"
            case "HELLO": return word(try session.receive(.hello(HelloFrame())), .confirmed(HelloFrame()))
            case "OPEN":
                let open = OpenFrame(stream: number)
                return word(try session.receive(.open(open)), .open(open))
            case "OPENED": return word(try session.receive(.opened(stream: number)), .opened)
            case "FIN": return word(try session.receive(.fin(stream: number)), .ended)
            case "RAW": return word(try session.receive(.raw), .raw)
            case "RESET":
                let reset = ResetFrame(stream: number, reason: .aborted)
                let meaning = try session.receive(.reset(reset))
                return meaning == .aborted(reset, answer: true)
                    ? "answer" : word(meaning, .aborted(reset, answer: false))
            case "GOAWAY(n)": return word(try session.receive(.goAway(lastStream: number)), .goAway(isRejected: false))
            case "GOAWAY(n-1)":
                let meaning = try session.receive(.goAway(lastStream: max(1, number) - 1))
                return meaning == .goAway(isRejected: true) ? "retry" : word(meaning, .goAway(isRejected: false))
            default: return "a column without a test"
            }
        } catch {
            return "no"
        }
    }

    private static func word(_ meaning: PeerSession.Meaning, _ expected: PeerSession.Meaning) -> String {
        meaning == expected ? "yes" : meaning == .nothing ? "drop" : "\(meaning)"
    }

    @Test("both sides", arguments: [(PeerSession.Role.dialler, "dialler", 11), (.acceptor, "acceptor", 10)])
    func table(_ role: PeerSession.Role, _ heading: String, _ rowCount: Int) throws {
        let rows = try ProtocolPage().table(heading)
        #expect(rows.count == rowCount)
        for row in rows {
            #expect(row.cells.count == 10)
            for cell in row.cells {
                var session = try #require(try SessionState.session(role, row.name))
                let outcome = Self.outcome(of: cell.heading, &session)
                #expect(outcome == cell.text, "\(heading), \(row.name): \(cell.heading)")
            }
        }
    }
}
