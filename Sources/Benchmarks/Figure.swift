// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What is measured under load.
enum Figure: String, CaseIterable, Codable, CodingKeyRepresentable {
    /// Small requests on 50 connections, as fast as answers come.
    case small
    /// The same at 1,000 requests a second.
    case steady
    /// A connection for each request.
    case connections
    /// Large answers on 4 connections.
    case bulk
    /// Requests of HTTP/1.1 that are routed, on 50 connections, as fast as answers come.
    case http1
    /// The same at 1,000 requests a second.
    case http1Steady = "http1-steady"
    /// Requests of HTTP/2 that are routed, 10 at once on each of 5 connections, as fast as answers come.
    case http2
    /// The same at 1,000 requests a second.
    case http2Steady = "http2-steady"

    var title: String {
        switch self {
        case .small: "small requests, 50 connections"
        case .steady: "small requests, 50 connections, 1,000 a second"
        case .connections: "a new connection for each request, 8 at a time"
        case .bulk: "bulk, 4 connections"
        case .http1: "HTTP/1.1 requests, routed, 50 connections"
        case .http1Steady: "HTTP/1.1 requests, routed, 50 connections, 1,000 a second"
        case .http2: "HTTP/2 requests, routed, 10 at once on each of 5 connections"
        case .http2Steady: "HTTP/2 requests, routed, 5 connections, 1,000 a second"
        }
    }

    var isSteady: Bool { self == .steady || self == .http1Steady || self == .http2Steady }

    /// What the proxies are set up for.
    var speech: Speech {
        switch self {
        case .small, .steady, .connections, .bulk: .tcp
        case .http1, .http1Steady: .http1
        case .http2, .http2Steady: .http2
        }
    }

    /// Those to whom it makes a difference, and who can.
    var contenders: [Contender] {
        switch self {
        case .connections: [.weft, .weftNoPool, .haproxy, .nginx, .direct]
        case .small, .steady, .bulk: [.weft, .haproxy, .nginx, .direct]
        case .http1, .http1Steady: [.weft, .weftOpaque, .haproxy, .nginx, .direct]
        // nginx speaks HTTP/2 to clients alone.
        case .http2, .http2Steady: [.weft, .haproxy, .direct]
        }
    }

    /// The words that `load` wants.
    func load(_ contender: Contender, seconds: Double) -> [String] {
        let (kind, connections, bytes): (LoadShape.Kind, Int, Int) =
            switch self {
            case .small, .steady, .http1, .http1Steady: (.requests, 50, Wire.smallByteCount)
            case .http2, .http2Steady: (.requests, 5, Wire.smallByteCount)
            // Fewer than the pool keeps for one sidecar, so that it can be warm; two processors are busy with them.
            case .connections: (.connections, 8, Wire.smallByteCount)
            case .bulk: (.requests, 4, 32 << 20)
            }
        return [
            "load", kind.rawValue, contender.address(speech), "\(connections)", "\(bytes)", "\(seconds)",
            "\(isSteady ? 1_000 : 0)", speech.rawValue,
        ]
    }
}
