// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// Proves that questions about names are captured, by asking one as another user than the proxy's.
///
/// It asks for `mesh`, to which nobody but the proxy says yes, at an address that nobody has; where there is no way out, at one
/// of loopback. Before the proxy runs we listen on its port for a moment and see the question come.
struct NamesProof {
    let plan: RedirectPlan
    let request: CaptureRequest
    let facts: NamespaceFacts
    let port: Port

    private var family: AddressFamily { plan.family }

    private struct Probe {
        let user: UserID
        let target: SocketAddress
    }

    /// How long a datagram inside one machine may take, and the proxy's answer to it.
    private static let patience: Duration = .seconds(1)

    func run() -> Proof {
        do throws(NoProof) {
            let probe = try choose()
            try attempt(probe)
            return proof(
                .proven, "a question to \(probe.target) as uid \(probe.user) came to the proxy's port \(port)")
        } catch {
            return proof(error.verdict, error.detail)
        }
    }

    private func proof(_ verdict: Proof.Verdict, _ detail: String) -> Proof {
        Proof(family: family, direction: .names, verdict: verdict, detail: detail)
    }

    private func choose() throws(NoProof) -> Probe {
        guard !facts.usableAddresses(family).isEmpty else { throw .notApplicable("no usable address") }
        let ways = OutboundProof(plan: plan, request: request, facts: facts)
        let here = ["127.0.0.53", "::1"].compactMap { IPAddress($0) }.filter { $0.family == family }
        let targets = try ways.reachable() + here.map { ($0, "lo") }
        for user in try ways.possibleUsers() {
            for (address, interface) in targets {
                let question = ConnectionFacts(
                    .outbound(user: user, service: 0), over: .udp,
                    to: SocketAddress(address, NameSettings.resolverPort),
                    isLocalDestination: address.isLoopback, interface: interface)
                if plan.explain(question).outcome == .redirected(port) {
                    return Probe(user: user, target: question.destination)
                }
            }
        }
        throw .notProven("of the questions that the configuration captures none could be tried from here")
    }

    private func attempt(_ probe: Probe) throws(NoProof) {
        let what = "a question to \(probe.target) as uid \(probe.user)"
        let listener = try listen()
        let socket = try OutboundProof.makeSocket(as: probe.user) { () throws(SystemError) in
            try Descriptor.datagram(family)
        }
        if let errno = socket.connect(to: probe.target) { throw .failed("\(what) was refused at once: \(errno)") }
        var random = KernelRandom()
        let identifier = UInt16.random(in: .min ... .max, using: &random)
        let question = Self.question(identifier)
        guard case .bytes = unsafe question.withUnsafeBytes({ unsafe socket.send($0) }) else {
            throw .failed("\(what) could not be sent")
        }
        switch listener {
        case .some(let listener):
            if Self.receives(listener, { $0 == question }) { return }
        case .none:
            if Self.receives(socket, { Self.isYes($0, to: question) }) { return }
        }
        throw .failed("\(what) went past the proxy, or was not answered by it")
    }

    /// Nil where the port is held by somebody, which should be the proxy.
    private func listen() throws(NoProof) -> Descriptor? {
        let address = SocketAddress(.loopback(family), port)
        do throws(SystemError) {
            let socket = try Descriptor.datagram(family)
            if family == .ipv6 { try socket.set(.ipv6Only) }
            try socket.bind(to: address)
            return socket
        } catch {
            guard error.errno != .addressInUse else { return nil }
            throw .notProven("the proxy's port \(address) cannot be listened on: \(error.errno)")
        }
    }

    /// Whether a datagram comes that is meant; others of the same moment are passed over.
    private static func receives(_ socket: borrowing Descriptor, _ isMeant: ([UInt8]) -> Bool) -> Bool {
        let deadline = Instant.now() + patience
        var buffer = [UInt8](repeating: 0, count: 512)
        while Instant.now() < deadline, socket.waitForInput(deadline - Instant.now()) {
            let result = unsafe buffer.withUnsafeMutableBytes { unsafe socket.receive(into: $0) }
            switch result {
            case .bytes(let count): if isMeant(Array(buffer.prefix(count))) { return true }
            case .ended, .wouldBlock: continue
            case .failed: return false
            }
        }
        return false
    }

    /// `mesh`, A, IN.
    private static func question(_ identifier: UInt16) -> [UInt8] {
        [UInt8(identifier >> 8), UInt8(truncatingIfNeeded: identifier), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
            + [4] + "mesh".utf8 + [0, 0, 1, 0, 1]
    }

    /// An answer with authority, and no error.
    private static func isYes(_ answer: [UInt8], to question: [UInt8]) -> Bool {
        guard answer.count >= question.count, answer.prefix(2) == question.prefix(2) else { return false }
        return answer[2] & 0x84 == 0x84 && answer[3] & 0xf == 0
    }
}
