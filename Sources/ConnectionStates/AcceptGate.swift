// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import Detection
package import MeshModel

/// Decides what an inbound connection is, before anything is dialled: the application must never see a connection that
/// policy refuses, nor one that might still turn out to be ours.
///
/// | first bytes                      | strict                 | strict + passthroughTLS | permissive           |
/// |----------------------------------|------------------------|-------------------------|----------------------|
/// | ClientHello that offers `weft/1` | terminate              | terminate               | terminate            |
/// | any other ClientHello            | refuse                 | pass untouched          | pass untouched       |
/// | anything else                    | refuse                 | refuse                  | pass as plaintext    |
/// | silence                          | refuse after handshake timeout                   || pass: after the silence, or the handshake timeout where the source is meshed |
///
/// The silence of a client means different things: a sidecar speaks first, so a meshed source is waited for; a client of a
/// server that speaks first (SSH, SMTP, MySQL) never will.
package struct AcceptGate: Sendable {
    /// What the configuration says about the port, and discovery about the source.
    package struct Policy: Sendable {
        package var mode: MutualTLSMode
        package var passthroughTLS: Bool
        package var isSourceMeshed: Bool
        package var handshakeTimeout: Duration
        package var silence: Duration

        package init(
            mode: MutualTLSMode, passthroughTLS: Bool, isSourceMeshed: Bool, handshakeTimeout: Duration,
            silence: Duration
        ) {
            self.mode = mode
            self.passthroughTLS = passthroughTLS
            self.isSourceMeshed = isSourceMeshed
            self.handshakeTimeout = handshakeTimeout
            self.silence = silence
        }
    }

    /// What to do with the connection.
    package enum Decision: Equatable, Sendable {
        /// Keep the bytes and ask again when more have come, or at this moment.
        case wait(until: Instant)
        /// It is `weft/1`: begin the handshake with these bytes.
        case terminate
        /// The application's own TLS: pass the bytes as they are.
        case passTLS
        /// Plaintext: pass the bytes as they are; no bytes means that the server speaks first.
        case passPlaintext
        /// Reset.
        case refuse(ErrorCode)
    }

    private let policy: Policy
    private let acceptedAt: Instant
    private var reader = ClientHelloReader()

    package init(_ policy: Policy, acceptedAt: Instant) {
        self.policy = policy
        self.acceptedAt = acceptedAt
    }

    /// Judges all bytes that have come so far. `hasEnded`: the client has ended its direction, no more will come.
    package mutating func judge(_ bytes: RawSpan, hasEnded: Bool, now: Instant) -> Decision {
        guard bytes.byteCount > 0 else { return judgeSilence(hasEnded: hasEnded, now: now) }
        switch reader.judge(bytes) {
        case .complete(let hello) where hello.offersWeft: return .terminate
        case .complete, .tooLong: return foreignTLS
        case .notTLS: return policy.mode == .permissive ? .passPlaintext : .refuse(.plaintextRefused)
        case .needMoreBytes:
            let deadline = acceptedAt + policy.handshakeTimeout
            guard hasEnded || now >= deadline else { return .wait(until: deadline) }
            // Half a ClientHello is not ours; whose it is, only the application can tell.
            return policy.mode == .permissive ? .passTLS : .refuse(.handshakeTimeout)
        }
    }

    private var foreignTLS: Decision {
        policy.mode == .permissive || policy.passthroughTLS ? .passTLS : .refuse(.foreignTLSRefused)
    }

    private func judgeSilence(hasEnded: Bool, now: Instant) -> Decision {
        let isPermissive = policy.mode == .permissive
        let patience = isPermissive && !policy.isSourceMeshed ? policy.silence : policy.handshakeTimeout
        let deadline = acceptedAt + patience
        guard hasEnded || now >= deadline else { return .wait(until: deadline) }
        return isPermissive ? .passPlaintext : .refuse(.clientSilent)
    }
}
