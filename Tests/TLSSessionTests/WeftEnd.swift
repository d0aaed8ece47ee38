// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import MeshTesting
import PeerProtocol
import TLSSession

/// One end of a connection that lies in memory: takes what came from the other end, gives what is to go there.
protocol MemoryEnd: AnyObject {
    func feed(_ input: [UInt8]) -> [UInt8]
}

/// Carries bytes between two ends until neither has more to say, at most `piece` bytes at a time. Every byte that went
/// from the first to the second, and back.
@discardableResult
func join(
    _ first: any MemoryEnd, _ second: any MemoryEnd, piece: Int = .max
) -> (there: [UInt8], back: [UInt8]) {
    func deliver(_ bytes: [UInt8], _ end: any MemoryEnd) -> [UInt8] {
        guard piece < bytes.count else { return end.feed(bytes) }
        return stride(from: 0, to: bytes.count, by: piece).flatMap { start in
            end.feed(Array(bytes[start..<min(bytes.count, start + piece)]))
        }
    }
    var (there, back): ([UInt8], [UInt8]) = ([], [])
    var flight = first.feed([])
    for _ in 0..<20 where !flight.isEmpty {
        there += flight
        let answer = deliver(flight, second)
        back += answer
        flight = answer.isEmpty ? [] : deliver(answer, first)
    }
    return (there, back)
}

/// A session of ours with a staging of its own.
final class WeftEnd: MemoryEnd {
    let context: TLSContext
    private(set) var peer: VerifiedPeer?
    private(set) var failure: TLSFailure?
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false
    private var session: TLSSession
    /// The manual clock of handshakes.
    var now: WallTime

    init(_ context: TLSContext, _ role: PeerSession.Role, expecting identity: SPIFFEID? = nil, now: WallTime) throws {
        guard let session = TLSSession(context, role, expecting: identity) else { throw Unexpected(what: "no memory") }
        self.context = context
        self.session = session
        self.now = now
    }

    func feed(_ input: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        input.withUnsafeBytes { bytes in
            context.staging.give(bytes)
            while step() { output += takeOutput() }
            output += takeOutput()
        }
        return output
    }

    /// One call of the session; false when nothing more comes of this input.
    private func step() -> Bool {
        guard failure == nil, !hasEnded else { return false }
        guard peer != nil else {
            switch session.handshake(now: now) {
            case .needsInput: return false
            case .done(let found): peer = found
            case .failed(let reason): failure = reason
            }
            return failure == nil
        }
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16_384, alignment: 1)
        defer { buffer.deallocate() }
        switch session.read(into: buffer) {
        case .bytes(let count): received += Array(buffer.prefix(count))
        case .needsInput: return false
        case .ended: hasEnded = true
        case .failed(let reason): failure = reason
        }
        return true
    }

    /// Encrypts one record.
    func send(_ bytes: [UInt8]) -> [UInt8] {
        if let failure = bytes.withUnsafeBytes({ session.write($0) }) { self.failure = failure }
        return takeOutput()
    }

    func end() -> [UInt8] {
        session.end()
        return takeOutput()
    }

    var peerChain: [Certificate] { session.peerChain }

    private func takeOutput() -> [UInt8] {
        defer { context.staging.clearOutput() }
        return Array(context.staging.output)
    }
}

/// Ends a test that cannot go on.
struct Unexpected: Error {
    let what: String
}

extension IdentityMaterial {
    /// Whom a minted leaf names, with its chain as it is sent, and the roots it trusts.
    init(
        _ chain: [MintedCertificate], trusting roots: [MintedCertificate], in domain: TrustDomain,
        generation: UInt64 = 1
    ) throws {
        let certificates = chain.compactMap { Certificate(der: $0.der) }
        guard let leaf = certificates.first, certificates.count == chain.count,
            let key = chain.first.flatMap({ PrivateKey.read(pem: Array($0.key.pem.utf8)) })
        else { throw Unexpected(what: "a minted certificate cannot be read") }
        self.init(
            identity: try leaf.workloadIdentity(), chain: certificates, key: key,
            bundles: TrustBundles([domain: roots.compactMap { Certificate(der: $0.der) }], generation: generation),
            generation: generation)
    }
}

extension TestMesh {
    /// A context for a workload of the mesh, which trusts the mesh unless told otherwise.
    func context(
        _ workload: String, trusting other: TestMesh? = nil, edit: Edit = { _ in }
    ) throws -> TLSContext {
        let leaf = try leaf("spiffe://\(trustDomain)/ns/default/sa/\(workload)", by: nil, edit)
        let material = try IdentityMaterial(
            [leaf, intermediate], trusting: [(other ?? self).root], in: (other ?? self).trustDomain)
        return try TLSContext(material, staging: TLSStaging())
    }

    func workload(_ name: String) throws -> SPIFFEID {
        guard let identity = SPIFFEID("spiffe://\(trustDomain)/ns/default/sa/\(name)") else {
            throw Unexpected(what: "\(name) is no name")
        }
        return identity
    }
}
