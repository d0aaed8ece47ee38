// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// `POST /v1/certificates`. Of the request only the key is believed; the identity is the caller's.
package struct CertificateRequestMessage: ControlMessage {
    /// PKCS#10 in PEM.
    package var csr: String

    package init(csr: String) { self.csr = csr }

    package func write(into writer: inout JSONWriter) { writer.object { $0.field("csr", csr) } }

    package init(_ reader: MessageReader) throws(Problem) {
        csr = try reader.text("csr", atMost: ControlProtocol.joinBytes)
    }
}

/// A new certificate, with the roots that are valid from now on.
package struct CertificateAnswer: ControlMessage {
    /// PEM, leaf first.
    package var chain: String
    package var trust: TrustTexts
    package var notAfter: WallTime

    package init(chain: String, trust: TrustTexts, notAfter: WallTime) {
        self.chain = chain
        self.trust = trust
        self.notAfter = notAfter
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("chain", chain)
            writer.trust(trust)
            writer.field("notAfter", notAfter.description)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        chain = try reader.pem("chain")
        trust = try reader.trust()
        notAfter = try reader.moment("notAfter")
    }
}

/// `POST /v1/join`: a token, for a certificate.
package struct JoinRequest: ControlMessage {
    package var token: String
    package var csr: String
    package var name: ResourceName?

    package init(token: String, csr: String, name: ResourceName? = nil) {
        self.token = token
        self.csr = csr
        self.name = name
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("token", token)
            writer.field("csr", csr)
            writer.field("name", ifPresent: name?.text)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        token = try reader.text("token", atMost: 4096)
        csr = try reader.text("csr", atMost: ControlProtocol.joinBytes)
        name = reader.contains("name") ? try reader.resourceName("name") : nil
    }
}

/// Who one is from now on, and where the control plane is.
package struct JoinAnswer: ControlMessage {
    package var workload: ResourceReference
    package var identity: SPIFFEID
    package var chain: String
    package var trust: TrustTexts
    package var control: [ControlAddress]
    /// Where an expired certificate is renewed; empty: as ``ControlSettings/joining`` says.
    package var join: [ControlAddress]

    package init(
        workload: ResourceReference, identity: SPIFFEID, chain: String, trust: TrustTexts, control: [ControlAddress],
        join: [ControlAddress] = []
    ) {
        self.workload = workload
        self.identity = identity
        self.chain = chain
        self.trust = trust
        self.control = control
        self.join = join
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", workload.name.text)
            writer.field("namespace", workload.namespace.text)
            writer.field("identity", identity.description)
            writer.field("chain", chain)
            writer.trust(trust)
            writer.list("control", control.map(\.description))
            if !join.isEmpty { writer.list("join", join.map(\.description)) }
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        workload = ResourceReference(
            namespace: try reader.resourceName("namespace"), name: try reader.resourceName("name"))
        identity = try reader.value("identity", "a SPIFFE ID", atMost: 2048) { SPIFFEID($0) }
        chain = try reader.pem("chain")
        trust = try reader.trust()
        control = try reader.list("control", "an address or name with a port", atMost: 64) { ControlAddress($0) }
        join = try reader.list("join", "an address or name with a port", atMost: 64) { ControlAddress($0) }
    }
}

/// `POST /v1/renew`, first: whose certificate has expired.
package struct RenewChallengeRequest: ControlMessage {
    /// PEM of the leaf.
    package var certificate: String

    package init(certificate: String) { self.certificate = certificate }

    package func write(into writer: inout JSONWriter) { writer.object { $0.field("certificate", certificate) } }

    package init(_ reader: MessageReader) throws(Problem) {
        certificate = try reader.text("certificate", atMost: ControlProtocol.joinBytes)
    }
}

/// What is to be signed with the old key.
package struct RenewChallenge: ControlMessage {
    /// Base64.
    package var nonce: String

    package init(nonce: String) { self.nonce = nonce }

    package func write(into writer: inout JSONWriter) { writer.object { $0.field("nonce", nonce) } }

    package init(_ reader: MessageReader) throws(Problem) { nonce = try reader.text("nonce") }
}

/// `POST /v1/renew`, second; answered as ``CertificateRequestMessage`` is.
package struct RenewRequest: ControlMessage {
    package var certificate: String
    package var nonce: String
    package var csr: String
    /// Base64 of ECDSA with SHA-256 by the old key over the nonce's bytes and the CSR in DER, in DER.
    package var signature: String

    package init(certificate: String, nonce: String, csr: String, signature: String) {
        self.certificate = certificate
        self.nonce = nonce
        self.csr = csr
        self.signature = signature
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("certificate", certificate)
            writer.field("nonce", nonce)
            writer.field("csr", csr)
            writer.field("signature", signature)
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        certificate = try reader.text("certificate", atMost: ControlProtocol.joinBytes)
        nonce = try reader.text("nonce")
        csr = try reader.text("csr", atMost: ControlProtocol.joinBytes)
        signature = try reader.text("signature")
    }
}
