// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What both ends agree on: paths, names, and how much either takes from the other. Everything of a limit is refused
/// before it is kept, so that neither end can make the other hold more than this.
package enum ControlProtocol {
    /// Said in the first message of both; one more and one less are understood.
    package static let version = 1
    package static let understoodVersions = 0...2

    package static let proxyPort: UInt16 = 15012
    package static let joinPort: UInt16 = 15013

    package static let watchPath = "/v1/watch"
    package static let certificatesPath = "/v1/certificates"
    package static let joinPath = "/v1/join"
    package static let renewPath = "/v1/renew"
    package static func acknowledgePath(_ watch: String) -> String { "\(watchPath)/\(watch)/acknowledge" }
    package static func wantsPath(_ watch: String) -> String { "\(watchPath)/\(watch)/wants" }

    /// What a proxy offers to switch to (RFC 9110 section 7.8) with its request for a watch: lines in both directions, so that
    /// what it says needs no connection beside. A control plane that does not know it answers in HTTP, and is posted to.
    package static let conversation = "weft-watch/1"

    // MARK: Times

    /// Between two signs of life of the server.
    package static let heartbeatSeconds = 10
    /// A client that hears nothing for so long goes elsewhere: three heartbeats.
    package static let silence = Duration.seconds(30)

    // MARK: Limits

    /// The body of any request to port 15012, and a line of what a proxy says in its watch.
    package static let requestBytes = 256 << 10
    /// The body of any request to port 15013.
    package static let joinBytes = 16 << 10
    /// The answer to any request but a watch: chains and bundles.
    package static let answerBytes = 1 << 20
    /// One message of a watch, with its line end.
    package static let lineBytes = 4 << 20
    /// Documents that one proxy gets; a line holds no more of them.
    package static let resourceCount = 16_384
    package static let identifierBytes = 1024
    package static let wantedAddresses = 4096
    package static let wantedNames = 4096
    package static let ownAddresses = 64
    package static let deniedCount = 16_384
    package static let trustDomainCount = 256
    package static let pemBytes = 1 << 20
    package static let rejections = 64
    package static let sentenceBytes = 4096
}
