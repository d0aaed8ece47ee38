// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What one data thread counts. Plain numbers without a lock: only the thread itself adds to them, and the control thread
/// gets a copy when somebody asks.
package struct DataPlaneCounters: Sendable {
    /// Numbers that are kept for each direction.
    package struct Directed: Sendable {
        package var opened: UInt64 = 0
        package var active: Int = 0
        package var downstreamBytesReceived: UInt64 = 0
        package var downstreamBytesSent: UInt64 = 0
        package var upstreamBytesReceived: UInt64 = 0
        package var upstreamBytesSent: UInt64 = 0
        package var finished = SeriesTable<OutcomeKey, UInt64>()
        package var plaintext = SeriesTable<PlaintextReason, UInt64>()
        package var detected = SeriesTable<DetectedProtocol, UInt64>()
        package var durations = Histogram(bounds: Histogram.durationBounds)
    }

    /// How connections ended, and what protected them.
    package struct OutcomeKey: Hashable, Sendable {
        package let outcome: ErrorCode
        package let security: String
    }

    package var inbound = Directed()
    package var outbound = Directed()
    package var requests = RequestCounters()
    package var handshakesCompleted = Roles()
    package var handshakesFailed = Roles()
    package var handshakesActive = 0
    package var verifications: UInt64 = 0
    package var rememberedVerifications: UInt64 = 0
    package var poolHits: UInt64 = 0
    package var poolMisses: UInt64 = 0
    package var poolRetired: UInt64 = 0
    package var poolIdle = 0
    package var peerConnections = 0
    package var heldNow = 0
    package var replays: UInt64 = 0
    package var requestRetries: UInt64 = 0
    package var failovers: UInt64 = 0
    package var ejections: UInt64 = 0
    package var acceptPauses: UInt64 = 0
    package var relaxedTimeouts: UInt64 = 0
    /// Calls to a port that no policy is for: what the mesh would refuse if it denied by default.
    package var unpoliced: UInt64 = 0
    package var recordsDropped: UInt64 = 0
    package var connectTimes = Histogram(bounds: Histogram.durationBounds)
    package var handshakeTimes = Histogram(bounds: Histogram.durationBounds)

    package init() {}

    package subscript(_ direction: TrafficDirection) -> Directed {
        _read { if direction == .inbound { yield inbound } else { yield outbound } }
        _modify { if direction == .inbound { yield &inbound } else { yield &outbound } }
    }

    /// Counts the end of a connection.
    package mutating func finish(_ record: ConnectionRecord) { self[record.direction].finish(record) }
}

/// A number for each side of a handshake.
package struct Roles: Sendable {
    package var dialler: UInt64 = 0
    package var acceptor: UInt64 = 0

    package init() {}
}

/// A histogram of durations with fixed bounds.
package struct Histogram: Sendable {
    /// From 250 us, a round trip in one host, to an hour.
    package static let durationBounds: [Duration] = [
        .microseconds(250), .microseconds(500), .milliseconds(1), .microseconds(2500), .milliseconds(5),
        .milliseconds(10), .milliseconds(25), .milliseconds(50), .milliseconds(100), .milliseconds(250),
        .milliseconds(500), .seconds(1), .seconds(5), .seconds(30), .seconds(300), .seconds(3600),
    ]

    package let bounds: [Int64]
    /// One more than there are bounds: the last one is for everything beyond.
    package private(set) var counts: [UInt64]
    package private(set) var sum: Int64 = 0

    package init(bounds: [Duration]) {
        self.bounds = bounds.map(\.wholeNanoseconds)
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    package mutating func observe(_ duration: Duration) {
        let nanoseconds = max(0, duration.wholeNanoseconds)
        let index = bounds.firstIndex { nanoseconds <= $0 } ?? bounds.count
        counts[index] += 1
        sum = sum.addingReportingOverflow(nanoseconds).partialValue
    }

    package mutating func merge(_ other: Histogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        sum = sum.addingReportingOverflow(other.sum).partialValue
    }
}

extension DataPlaneCounters {
    /// Adds the numbers of another thread.
    package mutating func merge(_ other: DataPlaneCounters) {
        for direction in TrafficDirection.allCases { self[direction].merge(other[direction]) }
        requests.merge(other.requests)
        handshakesCompleted.dialler += other.handshakesCompleted.dialler
        handshakesCompleted.acceptor += other.handshakesCompleted.acceptor
        handshakesFailed.dialler += other.handshakesFailed.dialler
        handshakesFailed.acceptor += other.handshakesFailed.acceptor
        handshakesActive += other.handshakesActive
        verifications += other.verifications
        rememberedVerifications += other.rememberedVerifications
        poolHits += other.poolHits
        poolMisses += other.poolMisses
        poolRetired += other.poolRetired
        poolIdle += other.poolIdle
        peerConnections += other.peerConnections
        heldNow += other.heldNow
        replays += other.replays
        requestRetries += other.requestRetries
        failovers += other.failovers
        ejections += other.ejections
        acceptPauses += other.acceptPauses
        relaxedTimeouts += other.relaxedTimeouts
        unpoliced += other.unpoliced
        recordsDropped += other.recordsDropped
        connectTimes.merge(other.connectTimes)
        handshakeTimes.merge(other.handshakeTimes)
    }
}

extension DataPlaneCounters.Directed {
    fileprivate mutating func finish(_ record: ConnectionRecord) {
        finished.add(1, DataPlaneCounters.OutcomeKey(outcome: record.outcome, security: record.security.label))
        downstreamBytesReceived += record.downstreamBytesReceived
        downstreamBytesSent += record.downstreamBytesSent
        upstreamBytesReceived += record.upstreamBytesReceived
        upstreamBytesSent += record.upstreamBytesSent
        detected.add(1, record.detected)
        if case .plaintext(let reason) = record.security { plaintext.add(1, reason) }
        durations.observe(record.duration)
    }

    fileprivate mutating func merge(_ other: Self) {
        opened += other.opened
        active += other.active
        downstreamBytesReceived += other.downstreamBytesReceived
        downstreamBytesSent += other.downstreamBytesSent
        upstreamBytesReceived += other.upstreamBytesReceived
        upstreamBytesSent += other.upstreamBytesSent
        finished.merge(other.finished)
        plaintext.merge(other.plaintext)
        detected.merge(other.detected)
        durations.merge(other.durations)
    }
}
