// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel

/// What a client does.
struct LoadShape {
    enum Kind: String, CaseIterable {
        /// Connections stay; each sends its next request when the answer is there.
        case requests
        /// Every request has a connection of its own.
        case connections
        /// Connections that do nothing after one request; told by lines how many.
        case idle
    }

    let destination: SocketAddress
    let kind: Kind
    var speech = Speech.tcp
    let connections: Int
    let answerByteCount: Int
    /// Requests a second over all connections, whether or not answers keep up; nil: as fast as answers come.
    let rate: Int?
    let duration: Duration

    /// At once.
    var requestsPerConnection: Int { speech == .http2 ? 10 : 1 }
}

/// What the proxies are told that the bytes are.
enum Speech: String, Codable, CodingKeyRepresentable {
    case tcp
    case http1
    case http2
}
