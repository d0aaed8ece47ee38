// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Counts what a peer does too easily, for one connection and in windows of time. A window begins with the first thing
/// counted after the one before has passed; around its end twice the limit may come.
struct FloodGuard: Sendable {
    private let settings: HTTP2Settings.Flood
    private var windowEnd = Instant(nanoseconds: 0)
    /// By their ``place(_:)``.
    private var counts = Self.noCounts
    /// Frames of ours in this window and the one before, which the peer may answer.
    private var heads = Recent()
    private var bodies = Recent()
    private var opened = Recent()

    /// One for each limit: not a dictionary, whose work would be checked for what it touches each time the guard is asked.
    private static var noCounts: [12 of UInt32] { [12 of UInt32](repeating: 0) }

    private static func place(_ limit: HTTP2Limit) -> Int {
        switch limit {
        case .cancelledRequests: 0
        case .brokenStreams: 1
        case .refusedStreams: 2
        case .pings: 3
        case .settings: 4
        case .emptyData: 5
        case .otherFrames: 6
        case .lateHeads: 7
        case .windowUpdates: 8
        case .continuations: 9
        case .headBytes: 10
        case .queuedOutput: 11
        }
    }

    private struct Recent: Sendable {
        var now = 0
        var before = 0

        var sum: Int { now + before }

        mutating func turn() { (before, now) = (now, 0) }
    }

    init(_ settings: HTTP2Settings.Flood) { self.settings = settings }

    mutating func moved(to now: Instant) {
        guard now >= windowEnd else { return }
        // After a pause what was sent before it says nothing any more.
        let isNext = now - windowEnd < HTTP2Settings.floodWindow
        for _ in 0..<(isNext ? 1 : 2) {
            heads.turn()
            bodies.turn()
            opened.turn()
        }
        counts = Self.noCounts
        windowEnd = now + HTTP2Settings.floodWindow
    }

    mutating func hasSentHead() { heads.now += 1 }
    mutating func hasSentBody() { bodies.now += 1 }
    mutating func hasOpenedStream() { opened.now += 1 }

    /// Counts one; the failure, if it is one too many.
    mutating func count(_ limit: HTTP2Limit) -> HTTP2Failure? {
        let place = Self.place(limit)
        let (count, overflows) = counts[place].addingReportingOverflow(1)
        if !overflows { counts[place] = count }
        guard Int(count) > most(limit) || overflows else { return nil }
        return HTTP2Failure(.enhanceYourCalm, Self.sentence(limit), limit: limit)
    }

    private func most(_ limit: HTTP2Limit) -> Int {
        switch limit {
        case .cancelledRequests: settings.cancelledRequests + opened.sum / 2
        case .brokenStreams: settings.brokenStreams
        case .refusedStreams: settings.otherFrames
        case .pings: settings.pings + heads.sum + bodies.sum
        case .settings: settings.settings
        case .emptyData: settings.emptyData
        case .otherFrames: settings.otherFrames
        case .lateHeads: settings.otherFrames + opened.sum
        case .windowUpdates: settings.otherFrames + 10 * bodies.sum + opened.sum
        case .continuations, .headBytes, .queuedOutput: .max
        }
    }

    static func sentence(_ limit: HTTP2Limit) -> String {
        switch limit {
        case .cancelledRequests: "too many requests were cancelled as soon as they were sent"
        case .brokenStreams: "too many streams had to be reset for what was wrong with them"
        case .refusedStreams: "too many streams were opened beyond the limit"
        case .pings: "too many PING frames came"
        case .settings: "too many SETTINGS frames came"
        case .emptyData: "too many empty DATA frames came"
        case .otherFrames: "too many PRIORITY and unknown frames came"
        case .lateHeads: "too many HEADERS frames came on streams that have had theirs"
        case .windowUpdates: "too many WINDOW_UPDATE frames came"
        case .continuations: "a head came in too many CONTINUATION frames"
        case .headBytes: "a head was many times as large as what is taken"
        case .queuedOutput: "too many answers to frames of the peer wait for it to read"
        }
    }
}
