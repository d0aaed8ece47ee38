// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What an HTTP/2 connection may hold, and how often its peer may do what costs us more than it: the one place for all of
/// it. Heads are limited by ``HTTPSettings``, as those of HTTP/1 are.
package struct HTTP2Settings: Hashable, Sendable {
    /// Requests under way at once on a connection that was opened to us.
    package var streams = 100
    /// What a peer may send of one body before it is taken from us.
    package var streamWindowBytes = 65_536
    /// The same of all bodies of a connection.
    package var connectionWindowBytes = 1_048_576
    /// By how much the windows of streams may grow, all of a connection together, where what comes is taken quickly.
    package var windowGrowthBytes = 0
    /// Within each ``floodWindow`` on one connection.
    package var flood = Flood()

    /// Chosen by us: short enough to forget a burst, long enough to see a flood.
    package static let floodWindow: Duration = .seconds(10)

    /// How many of each are taken. Each default is many times what clients in use send, and a small part of what would be felt.
    package struct Flood: Hashable, Sendable {
        /// Requests that the peer cancels within a second of having sent them ("rapid reset").
        package var cancelledRequests = 100
        /// Streams that the peer makes us reset.
        package var brokenStreams = 100
        /// PING beyond one for each frame of ours with a head or a body: gRPC measures the way with one for each round trip.
        package var pings = 100
        package var settings = 20
        /// DATA that carries and ends nothing.
        package var emptyData = 200
        /// PRIORITY, frames that nobody knows, heads on streams that have had theirs, WINDOW_UPDATE beyond ten for each frame
        /// of ours with a body.
        package var otherFrames = 1000

        package init() {}
    }

    package init() {}

    /// The same where many clients share the connection. That some of them take nothing must not stop the others, so that
    /// the windows of its streams are all that bounds it; and a long answer needs a longer window over a long way.
    package var betweenSidecars: HTTP2Settings {
        var settings = self
        settings.windowGrowthBytes = 8 << 20
        let (all, overflows) = streams.multipliedReportingOverflow(by: streamWindowBytes)
        // What streams hold at their most, and what is taken but not yet given back; no window is larger than RFC 9113
        // section 6.9.1 has it.
        let more = settings.windowGrowthBytes + Self.creditStep
        let most = min(overflows ? .max : all, Int(Int32.max) - more)
        settings.connectionWindowBytes = max(connectionWindowBytes, most + more)
        return settings
    }

    /// No more than this, of what was taken, is kept back from a connection's window; chosen by us.
    package static let creditStep = 512 << 10
}
