// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import CertificateAuthority
import ControlAPI
import LinuxSystem
import MeshModel
import ResourceDocuments

/// A token for a certificate:
///
/// ```
///   key made and kept ─▶ server proved by the token's root ─▶ token and request sent ─▶ answer checked ─▶ set written
///        ▲                                                                                                  │
///        └────────────────── run again with the same token: the same key, the same answer ◀── lost here     ▼
///                                                                                                   key forgotten
/// ```
struct JoinExchange {
    private let text: String
    private let token: JoinToken
    private let name: ResourceName?
    private let state: StateDirectory
    private let key: SigningKey

    /// Nothing has been sent yet; what is wrong with the token or the directory is found first.
    init(token text: String, name: ResourceName?, state: StateDirectory) throws(Problem) {
        guard let token = JoinToken(text) else {
            throw Problem(.joinTokenInvalid, "that is not a join token", remedy: "copy all of what was printed")
        }
        self.text = text
        self.token = token
        self.name = name
        self.state = state
        try state.prepare()
        key = try state.pendingKey(for: token.id)
    }

    func run() async throws(Problems) -> JoinAnswer {
        let request: JoinRequest
        do throws(Problem) {
            request = JoinRequest(token: text, csr: try CertificateRequest.text(for: key), name: name)
        } catch {
            throw Problems(error)
        }
        let answer: JoinAnswer
        do throws(Problems) {
            answer = try await send(request)
        } catch {
            // Nothing will ever come of this key; after any other failure it is tried again.
            if error.all.contains(where: { Self.final.contains($0.code) }) { state.forgetPendingKey(of: token.id) }
            throw error
        }
        do throws(Problem) {
            try await check(answer)
            try state.keep(answer, key)
            state.forgetPendingKey(of: token.id)
        } catch {
            throw Problems(error)
        }
        return answer
    }

    private static let final: Set<ErrorCode> = [.joinTokenInvalid, .joinTokenExpired, .joinTokenUsed, .identityDenied]

    /// The first address that answers decides; one that does not lets the next have its turn.
    private func send(_ request: JoinRequest) async throws(Problems) -> JoinAnswer {
        var last: Problems?
        for text in token.addresses {
            guard let address = ControlPlace("https://\(text)"), case .server(let host, let port) = address else {
                continue
            }
            do throws(Problems) {
                return try await send(request, to: host, port)
            } catch {
                guard error.all.allSatisfy({ $0.code == .apiUnreachable }) else { throw error }
                last = error
            }
        }
        throw last
            ?? Problems(Problem(.joinTokenInvalid, "the token names no address", remedy: "make a new one"))
    }

    private func send(_ request: JoinRequest, to host: String, _ port: Int) async throws(Problems) -> JoinAnswer {
        let client: ControlClient
        do throws(Problem) {
            let digest = Hexadecimal.text(of: token.rootDigest)
            let proved = try await ServerProof.prove(host: host, port: port, by: .digest(digest))
            client = try ControlClient(
                host: host, port: port, trustDomain: proved.trustDomain, roots: proved.roots, token: nil)
        } catch {
            throw Problems(error)
        }
        do throws(Problems) {
            let answer = try await client.post(ControlProtocol.joinPath, request.encode())
            await client.close()
            return try read(answer)
        } catch {
            await client.close()
            throw error
        }
    }

    private func read(_ answer: Node) throws(Problems) -> JoinAnswer {
        do throws(Problem) { return try JoinAnswer.decode(Array(answer.jsonText.utf8)) } catch { throw Problems(error) }
    }

    /// What is not good is not written: a proxy could do nothing with it but say so.
    private func check(_ answer: JoinAnswer) async throws(Problem) {
        guard let chain = SignedCertificate.all(inPEM: answer.chain), let leaf = chain.first,
            let bundle = answer.trust[answer.identity.trustDomain], let roots = SignedCertificate.all(inPEM: bundle)
        else { throw Problem(.controlAnswer, "the answer holds no certificate with roots") }
        guard leaf.publicKey == key.publicKey else {
            throw Problem(.controlAnswer, "the certificate is for another key than the one that was sent")
        }
        let digest = Hexadecimal.text(of: token.rootDigest)
        guard roots.contains(where: { CertificateFacts($0).fingerprint == digest }) else {
            throw Problem(.unknownRoot, "the bundle of the answer lacks the token's root")
        }
        let verifier = SVIDVerifier(TrustBundles([answer.identity.trustDomain: roots]))
        let identity = try await verifier.verify(chain.map(\.der), now: .now())
        guard identity == answer.identity else {
            throw Problem(.controlAnswer, "the certificate is of \(identity), not of \(answer.identity)")
        }
    }
}
