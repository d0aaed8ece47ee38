// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Toward or from the workload beside the proxy; not the direction of bytes.
package enum TrafficDirection: String, Hashable, Sendable, CaseIterable {
    /// Somebody connects to the workload.
    case inbound
    /// The workload connects to somebody.
    case outbound
}

/// What a connection speaks, as far as its first bytes tell.
package enum DetectedProtocol: String, Hashable, Sendable, CaseIterable {
    /// Nothing has been said yet.
    case unknown
    /// HTTP/1.0 or 1.1: a whole request line has been seen.
    case http1 = "http/1"
    /// The connection preface of HTTP/2 (RFC 9113 section 3.4).
    case http2 = "http/2"
    /// TLS of the application's own.
    case tls
    /// The client spoke first, and none of the above.
    case opaque
    /// The server spoke first: a banner, as SSH, SMTP and MySQL send one.
    case serverFirst = "server-first"
}

/// Why a connection is not encrypted by the mesh.
package enum PlaintextReason: String, Hashable, Sendable, CaseIterable {
    /// The destination is outside the mesh's ranges and no resource names it.
    case outsideMesh = "outside-mesh"
    /// The destination is a workload without a sidecar, or a bare address of a service.
    case notMeshed = "not-meshed"
    /// The destination's sidecar does not capture this port.
    case portNotMeshed = "port-not-meshed"
    /// Inbound: the port is permissive and the client spoke plaintext.
    case permissive
    /// Inbound: the application's own TLS was passed untouched.
    case passthroughTLS = "passthrough-tls"
}

/// The cipher suites of TLS 1.3 that we offer, by their registered numbers.
package enum CipherSuite: UInt16, Hashable, Sendable, CaseIterable {
    case aes128GCM = 0x1301
    case aes256GCM = 0x1302
    case chaCha20Poly1305 = 0x1303

    /// The registered name.
    package var name: String {
        switch self {
        case .aes128GCM: "TLS_AES_128_GCM_SHA256"
        case .aes256GCM: "TLS_AES_256_GCM_SHA384"
        case .chaCha20Poly1305: "TLS_CHACHA20_POLY1305_SHA256"
        }
    }
}

/// Sixteen random bytes that name one connection on both sides.
package struct TraceID: Hashable, Sendable, CustomStringConvertible {
    private let high: UInt64
    private let low: UInt64

    package var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

    package init(bits: UInt128) {
        high = UInt64(truncatingIfNeeded: bits >> 64)
        low = UInt64(truncatingIfNeeded: bits)
    }

    package init(using generator: inout some RandomNumberGenerator) {
        high = generator.next()
        low = generator.next()
    }

    package var description: String {
        var text: [UInt8] = []
        text.append(addingCapacity: 32) { append(to: &$0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Appends its 32 digits.
    package func append(to text: inout OutputSpan<UInt8>) {
        Hexadecimal.append(high, digits: 16, to: &text)
        Hexadecimal.append(low, digits: 16, to: &text)
    }
}

/// What protects a connection between this proxy and the mesh.
package enum ConnectionSecurity: Hashable, Sendable {
    /// It is not decided yet, or never was.
    case undecided
    /// `weft/1` over TLS 1.3 with this peer.
    case mutualTLS(peer: SPIFFEID, cipher: CipherSuite?)
    /// Plaintext, or TLS that is not ours.
    case plaintext(PlaintextReason)

    /// The label in metrics.
    package var label: String {
        switch self {
        case .undecided: "none"
        case .mutualTLS: "mutual-tls"
        case .plaintext: "plaintext"
        }
    }
}
