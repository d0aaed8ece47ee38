// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Detection

/// Who is at the other end of a session: what is spoken there, and what its certificate has to say.
package enum TLSPartner: Sendable {
    /// `weft/1`, in both roles; a workload's certificate, which carries its identity and nothing else.
    case sidecars
    /// HTTP/1.1, dialled only; a certificate with the control plane's identity and its DNS name.
    case controlPlane

    /// Each name with a length before it (RFC 7301 section 3.1).
    var protocolList: [UInt8] {
        switch self {
        case .sidecars: Self.weft
        case .controlPlane: Self.http
        }
    }

    private static let weft = list("\(ClientHello.weftProtocol)")
    private static let http = list("http/1.1")

    private static func list(_ name: String) -> [UInt8] { [UInt8(clamping: name.utf8.count)] + Array(name.utf8) }
}
