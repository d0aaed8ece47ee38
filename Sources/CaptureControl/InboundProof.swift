// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Netlink
internal import Redirection

/// Proves that what comes to the pod is captured. Loopback never passes PREROUTING, so a cable is made with both ends in
/// this namespace, and a handshake is spoken into its far end by hand, as a machine beyond it would.
///
///     weft-init --frames--> [far end]=====[near end] -> PREROUTING -> proxy's port
struct InboundProof {
    let plan: RedirectPlan
    let request: CaptureRequest
    let facts: NamespaceFacts

    private var family: AddressFamily { plan.family }

    /// How long an answer inside one machine may take.
    private static let patience: Duration = .seconds(1)

    /// A packet may be lost while the cable is being brought up, so it is sent again after this.
    private static let interval: Duration = .milliseconds(10)

    /// Who calls whom.
    private struct Call {
        let source: SocketAddress
        let target: SocketAddress
        /// The near end's own address; a redirect goes there.
        let local: IPAddress
    }

    /// Names for the near end of the cable, for the rules may capture by name only.
    static func names(for capture: CaptureSettings.Inbound) -> [String] {
        let listed = capture.interfaces.include.map { name in
            name.text.hasSuffix("+") ? "\(name.text.dropLast().prefix(10))weft0" : name.text
        }
        return ["weftprobe0", "probe0weft", "zzweft0"] + listed
    }

    /// The name for the cable of this run; nil where the rules capture by the names of interfaces that exist only.
    static func name(_ request: CaptureRequest, _ facts: NamespaceFacts) -> String? {
        names(for: request.settings.inbound).first { name in
            let selection = request.settings.inbound.interfaces
            return !facts.interfaces.contains { $0.name == name } && !selection.skip.contains { $0.matches(name) }
                && (selection.include.isEmpty || selection.include.contains { $0.matches(name) })
        }
    }

    /// Whether there is anything to try; if not, no cable is needed.
    var obstacle: NoProof? {
        guard !facts.usableAddresses(family).isEmpty else { return .notApplicable("no usable address") }
        if CapturedSpace.isEmpty(request.settings.inbound, family) {
            return .notApplicable("the configuration captures nothing")
        }
        return nil
    }

    func run(_ cable: borrowing VirtualPair) -> Proof {
        do throws(NoProof) {
            let call = try choose(interface: cable.near.name)
            try attempt(call, cable)
            return proof(
                .proven,
                "a connection from outside to \(call.target) came to the proxy's port \(request.ports.inbound)")
        } catch {
            return proof(error)
        }
    }

    func proof(_ reason: NoProof) -> Proof { proof(reason.verdict, reason.detail) }

    /// Why there is none, if there is a reason.
    func proof(_ obstacle: NoProof?) -> Proof {
        proof(obstacle ?? .notProven("not tried"))
    }

    private func proof(_ verdict: Proof.Verdict, _ detail: String) -> Proof {
        Proof(family: family, direction: .inbound, verdict: verdict, detail: detail)
    }

    private func choose(interface: String) throws(NoProof) -> Call {
        let own = facts.ownAddresses
        let listed = request.settings.inbound.sources.include.filter { $0.family == family }.prefix(64)
        let sources = (listed.flatMap { ProbeCandidates.addresses(in: $0) } + ProbeCandidates.nowhere(family))
            .filter { !own.contains($0) && !$0.isMulticast && !$0.isLoopback && !$0.isUnspecified }
        var random = KernelRandom()
        let clientPort = UInt16.random(in: 32_768...60_999, using: &random)
        for address in facts.usableAddresses(family).map(\.address) {
            for source in sources {
                for port in ProbeCandidates.ports(request.settings.inbound.ports) where port != request.ports.metrics {
                    let connection = ConnectionFacts(
                        .inbound, to: SocketAddress(address, port), isLocalDestination: true, source: source,
                        interface: interface)
                    guard plan.captures(connection) else { continue }
                    let local = ProbeCandidates.nowhere(family).first { $0 != source && !own.contains($0) }
                    guard let local else { continue }
                    return Call(
                        source: SocketAddress(source, clientPort), target: connection.destination, local: local)
                }
            }
        }
        throw .notProven("of what the configuration captures nothing could be tried from here")
    }

    private func attempt(_ call: Call, _ cable: borrowing VirtualPair) throws(NoProof) {
        let frames: Descriptor
        do throws(SystemError) {
            try cable.connect(call.local, to: call.source.address)
            frames = try Descriptor.frames(interface: cable.far.index)
        } catch {
            throw .notProven("the cable could not be set up: \(error)")
        }
        let port = try ProxyPort(SocketAddress(.unspecified(family), request.ports.inbound))
        let handshake = HandMadeHandshake(source: call.source, target: call.target)
        let answer = try greet(handshake, frames, cable)
        if port.isOurs { _ = handshake.send(.acknowledgement(of: answer), frames, cable) }
        let came = try port.hasReceived(from: call.source, to: call.target, within: InboundProof.patience)
        _ = handshake.send(.reset(after: answer), frames, cable)
        guard came else { throw .failed("a connection from outside to \(call.target) went past the proxy") }
    }

    /// Sends the first packet until it is answered.
    private func greet(
        _ handshake: HandMadeHandshake, _ frames: borrowing Descriptor, _ cable: borrowing VirtualPair
    ) throws(NoProof) -> ProbeFrame {
        let deadline = Instant.now() + InboundProof.patience
        while Instant.now() < deadline {
            _ = handshake.send(.syn, frames, cable)
            guard frames.waitForInput(InboundProof.interval), let answer = handshake.answer(frames) else { continue }
            guard !answer.flags.contains(.reset) else {
                throw .failed("a connection from outside to \(handshake.target) was refused: it is not captured")
            }
            return answer
        }
        throw .failed(
            "a connection from outside to \(handshake.target) got no answer; a firewall rule may drop it")
    }
}

/// One TCP handshake spoken through frames.
private struct HandMadeHandshake {
    enum Packet {
        case syn
        case acknowledgement(of: ProbeFrame)
        case reset(after: ProbeFrame)
    }

    let source: SocketAddress
    let target: SocketAddress
    private let start: UInt32 = {
        var random = KernelRandom()
        return random.next()
    }()

    init(source: SocketAddress, target: SocketAddress) {
        self.source = source
        self.target = target
    }

    private func frame(_ packet: Packet) -> ProbeFrame {
        switch packet {
        case .syn: frame(start, 0, .syn)
        case .acknowledgement(let answer): frame(start &+ 1, answer.sequence &+ 1, .acknowledge)
        case .reset(let answer): frame(start &+ 1, answer.sequence &+ 1, [.reset, .acknowledge])
        }
    }

    private func frame(_ sequence: UInt32, _ acknowledgement: UInt32, _ flags: ProbeFrame.Flags) -> ProbeFrame {
        ProbeFrame(
            source: source, destination: target, sequence: sequence, acknowledgement: acknowledgement, flags: flags)
    }

    /// False if the cable did not take it.
    func send(_ packet: Packet, _ frames: borrowing Descriptor, _ cable: borrowing VirtualPair) -> Bool {
        let bytes = frame(packet).bytes(from: cable.farHardware, to: cable.nearHardware)
        return unsafe bytes.withUnsafeBytes { if case .bytes = unsafe frames.send($0) { true } else { false } }
    }

    /// The answer to the first packet, if it has come; whatever else is on the cable is passed over.
    func answer(_ frames: borrowing Descriptor) -> ProbeFrame? {
        var buffer = [UInt8](repeating: 0, count: 2048)
        // The kernel greets a new interface with a few packets of its own; more than that is not waited for.
        for _ in 0..<64 {
            let result = unsafe buffer.withUnsafeMutableBytes { unsafe frames.receive(into: $0) }
            guard case .bytes(let count) = result else { return nil }
            if let frame = ProbeFrame(Array(buffer.prefix(count))), frame.source == target,
                frame.destination == source, frame.acknowledgement == start &+ 1
            {
                return frame
            }
        }
        return nil
    }
}
