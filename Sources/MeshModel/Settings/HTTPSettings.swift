// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What the proxy takes of an HTTP message and how long it waits for it: the one place for all of it.
package struct HTTPSettings: Hashable, Sendable {
    /// The start line and all fields of a head, or of trailers.
    package var headBytes = 65_536
    package var fieldCount = 128
    /// The target of a request: path and query.
    package var targetBytes = 16_384
    /// From the first byte of a request to the end of its head.
    package var headTimeout: Duration = .seconds(10)
    /// A client's connection on which no request is under way.
    package var idleTimeout: Duration = .seconds(3600)
    /// A request of which nothing moves, nor of its answer; no limit at zero.
    package var requestIdleTimeout: Duration = .seconds(3600)
    /// Connections to one address that are kept for another request, and for how long.
    package var idleUpstreams = 64
    package var idleUpstreamTimeout: Duration = .seconds(3)
    /// Of a request's body this much is kept for a retry; a longer one is not tried again.
    package var replayBytes = 65_536
    /// Short requests of HTTP/1 share a session with others between sidecars, from and to this proxy.
    package var sharesSessions = true
    /// What is particular to HTTP/2.
    package var http2 = HTTP2Settings()

    package init() {}

    /// The same for heads of HTTP/1 that have become HTTP/2 on their way here: what was taken there is to be taken here, where
    /// each field counts 32 bytes more (RFC 9113 section 6.5.2) and the other sidecar may have added some.
    package var forSharedSessions: HTTPSettings {
        var settings = self
        settings.fieldCount += 8
        settings.headBytes += settings.fieldCount * 64
        return settings
    }
}
