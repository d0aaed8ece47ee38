// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
internal import CertificateAuthority
package import ControlAPI
package import MeshModel

/// A root as the store has it.
package struct RootRecord: ControlMessage {
    /// How far the rotation to this root, or away from it, has come.
    package enum Step: String, Sendable, CaseIterable {
        /// Known to the control plane, and to nobody else.
        case staged
        /// In every bundle, and signs nothing yet.
        case trusted
        /// What new certificates come from.
        case signing
        /// Signs no more, and is still in bundles for what it has signed.
        case leaving
        /// Lets nobody in any more, and vouches for connections that were made before, until their certificates end.
        case retired
        /// Vouches for nothing.
        case gone
    }

    package var pem: String
    package var step: Step
    package var since: WallTime

    package init(pem: String, step: Step, since: WallTime) {
        self.pem = pem
        self.step = step
        self.since = since
    }

    /// Of the certificate; empty for what is none.
    package var fingerprint: String {
        SignedCertificate.all(inPEM: pem)?.first.map { CertificateFacts($0).fingerprint } ?? ""
    }

    /// True if proxies have it in their bundles, or are being told of it.
    package var isTrusted: Bool { step == .trusted || step == .signing || step == .leaving }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("pem", pem)
            writer.field("step", step.rawValue)
            writer.field("since", since.description)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        pem = try reader.pem("pem")
        step = try reader.value("step", "a step of a rotation") { Step(rawValue: $0) }
        since = try reader.moment("since")
    }
}
