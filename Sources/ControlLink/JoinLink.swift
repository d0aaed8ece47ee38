// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import ControlAPI
internal import LinuxSystem
package import MeshModel
package import Reactor
package import TLSSession

/// The way to the port where machines join, for a certificate that has expired: whoever is asked proves that it is the
/// control plane, as always; the proxy proves that it has the old key.
///
/// ```
///   POST /v1/renew {certificate}                          ─▶ {nonce}
///   POST /v1/renew {certificate, nonce, csr, signature}   ─▶ {chain, trust, notAfter}
/// ```
/// One attempt at a time, each with the next address; when to try again is for its owner to say. Lives on the control
/// thread.
package final class JoinLink {
    private let loop: EventLoop
    private let addresses: ControlAddresses
    private let staging = TLSStaging()
    private var posts: PostQueue?

    package init(_ loop: EventLoop, _ settings: ControlSettings) {
        self.loop = loop
        addresses = ControlAddresses(settings.joining, on: loop)
    }

    package func use(_ settings: ControlSettings) { addresses.use(settings.joining) }

    /// How many there are to try before a wait makes sense.
    package var addressCount: Int { addresses.count }

    /// Renews `expired` with `key`. The completion is called from the loop, once.
    package func renew(
        _ expired: IdentityMaterial, with key: PrivateKey,
        _ completion: @escaping (Result<CertificateAnswer, Problem>) -> Void
    ) {
        func end(_ result: Result<CertificateAnswer, Problem>) {
            let finished = posts
            posts = nil
            completion(result)
            // Not in the middle of its own answer.
            loop.atEndOfTurn { finished?.close() }
        }
        guard posts == nil else {
            return completion(.failure(Problem(.controlUnreachable, "another attempt is under way")))
        }
        do throws(Problem) {
            guard let leaf = expired.chain.first else { throw Problem(.identityMalformed, "there is no certificate") }
            guard let address = addresses.take() else {
                throw Problem(.controlUnreachable, at: "spec.control", "no name of the join port has an address")
            }
            let context = try TLSContext(expired, staging: staging, for: .controlPlane)
            let posts = PostQueue(loop, context, address)
            self.posts = posts
            let certificate = PEMText.certificate(leaf.der)
            posts.add(ControlProtocol.renewPath, RenewChallengeRequest(certificate: certificate).encode()) { result in
                do throws(Problem) {
                    let challenge = try RenewChallenge.decode(try result.get())
                    let proof = try Self.proof(certificate, challenge, expired.key, key)
                    posts.add(ControlProtocol.renewPath, proof.encode()) { result in
                        end(
                            result.flatMap { body in Result { () throws(Problem) in try CertificateAnswer.decode(body) }
                            })
                    }
                } catch {
                    end(.failure(error))
                }
            }
        } catch {
            end(.failure(error))
        }
    }

    private static func proof(
        _ certificate: String, _ challenge: RenewChallenge, _ oldKey: PrivateKey, _ key: PrivateKey
    ) throws(Problem) -> RenewRequest {
        let csr = try key.certificateRequest()
        guard let nonce = Base64.bytes(of: challenge.nonce), let der = PEMText.body(of: csr) else {
            throw Problem(.controlMessage, at: "nonce", "is not base64")
        }
        return RenewRequest(
            certificate: certificate, nonce: challenge.nonce, csr: csr,
            signature: Base64.text(of: try oldKey.signature(over: nonce + der)))
    }
}

/// PEM (RFC 7468) of what is here in DER, and back.
enum PEMText {
    static func certificate(_ der: [UInt8]) -> String {
        let text = Base64.text(of: der)
        var lines = "-----BEGIN CERTIFICATE-----\n"
        var rest = text[...]
        while !rest.isEmpty {
            lines += rest.prefix(64) + "\n"
            rest = rest.dropFirst(64)
        }
        return lines + "-----END CERTIFICATE-----\n"
    }

    /// The bytes of the one block in a text.
    static func body(of pem: String) -> [UInt8]? {
        let lines = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }
        return Base64.bytes(of: lines.joined())
    }
}
