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

    /// The same where many clients share the connection: that some of them take nothing must not stop the others, so that
    /// the windows of its streams are all that bounds it.
    package var betweenSidecars: HTTP2Settings {
        var settings = self
        let (all, overflows) = streams.multipliedReportingOverflow(by: streamWindowBytes)
        // No window is larger (RFC 9113 section 6.9.1).
        settings.connectionWindowBytes = max(connectionWindowBytes, min(overflows ? .max : all, Int(Int32.max)))
        return settings
    }
}
