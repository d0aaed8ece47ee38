// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Authorization
internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// An inbound connection of which it is not yet known what it is. Collects first bytes until ``AcceptGate`` decides, then
/// makes room for a `PeerConnection` or a `PlainRelay`, which gets the socket, the bytes and the place in the loop.
final class InboundGate: EventHandler {
    private let thread: DataThread
    private let end: PlainEnd
    private var record: ConnectionRecord
    private var gate: AcceptGate
    /// First bytes that did not decide it, at most a ClientHello's worth.
    private var bytes: [UInt8] = []

    private let original: SocketAddress
    private var hasLeft = false
    /// It is ours, and waits for an identity.
    var isHeld = false

    static func begin(
        _ thread: DataThread, _ socket: consuming Descriptor, _ original: SocketAddress, _ record: ConnectionRecord
    ) {
        let gate = InboundGate(thread, socket, original, record)
        thread.gateCount += 1
        thread.loop.add(gate)
        do throws(SystemError) {
            try thread.loop.watch(gate.end.number, for: gate)
        } catch {
            return gate.refuse(.descriptorsExhausted, error.description)
        }
        // A sidecar's ClientHello usually comes with the end of the TCP handshake: it is here already.
        gate.read(now: thread.loop.now)
    }

    private init(
        _ thread: DataThread, _ socket: consuming Descriptor, _ original: SocketAddress, _ record: ConnectionRecord
    ) {
        self.original = original
        self.thread = thread
        self.record = record
        end = PlainEnd(socket)
        let inbound = thread.settings.proxy.inbound
        let port = inbound.settings(for: original.port)
        gate = AcceptGate(
            AcceptGate.Policy(
                mode: port.mode, passthroughTLS: port.passthroughTLS,
                isSourceMeshed: thread.snapshot.isMeshed(record.client.address),
                handshakeTimeout: thread.settings.proxy.timeouts.handshake, silence: inbound.permissiveSilence),
            acceptedAt: thread.loop.now)
        super.init()
        self.record.state = "detecting"
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        end.note(readiness)
        if isHeld {
            // The bytes stay in the kernel; only a client that has gone is let go.
            if readiness.contains(.error) { refuse(.clientReset) }
            return
        }
        read(now: now)
    }

    override func deadlineReached(now: Instant) {
        if isHeld { refuse(.identityMissing) } else { judge(now: now) }
    }

    /// What the admin list shows.
    var listing: ConnectionRecord { record }

    private func read(now: Instant) {
        let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.ciphertext[..<ReadSize.smallest])
        while end.mayHaveInput {
            switch unsafe end.receive(into: buffer) {
            case .bytes(let count):
                unsafe bytes.append(contentsOf: buffer[..<count])
                // More than a ClientHello's worth decides it in any case; the rest can stay in the kernel.
                if bytes.count > ReadSize.smallest { return judge(now: now) }
            case .ended, .wouldBlock: break
            case .failed(let errno): return refuse(.clientReset, errno.description)
            }
        }
        judge(now: now)
    }

    private func judge(now: Instant) {
        switch unsafe gate.judge(bytes.span.bytes, hasEnded: end.hasEndedInput, now: now) {
        case .wait(let deadline): thread.loop.setDeadline(deadline, of: self)
        case .terminate: terminate()
        case .passTLS: pass(.passthroughTLS, .tls)
        case .passPlaintext: pass(.permissive, bytes.isEmpty ? .serverFirst : .unknown)
        case .refuse(let code): refuse(code)
        }
    }

    /// It is ours. Without an identity it has to wait for one.
    private func terminate() {
        guard let context = thread.identity else { return thread.hold(self) }
        let mayHaveMore = end.mayHaveInput || end.hasEndedInput
        guard let socket = end.takeSocket() else { return }
        leave()
        let origin = PeerConnection.AcceptOrigin(
            id: record.id, client: record.client, originalDestination: original, acceptedAt: record.startedAt)
        PeerConnection.accept(
            thread, socket, context, replacing: self, origin, firstBytes: bytes, mayHaveMore: mayHaveMore)
    }

    /// The identity has come.
    func release() {
        isHeld = false
        judge(now: thread.loop.now)
    }

    private func pass(_ reason: PlaintextReason, _ detected: DetectedProtocol) {
        record.security = .plaintext(reason)
        record.detected = detected
        let facts = ConnectionFacts(peer: nil, source: record.client.address, port: original.port)
        let decision = thread.snapshot.policies.judge(facts)
        guard decision.isAllowed else { return refuse(.denied, decision.reason) }
        if decision.isUnpoliced { thread.counters.unpoliced += 1 }
        // What was read goes first to the upstream; what is still in the kernel follows.
        leave()
        if thread.snapshot.readsRequests(port: original.port) {
            return PlainFront.passInbound(thread, end, replacing: self, record, firstBytes: bytes)
        }
        PlainRelay.passInbound(thread, end, replacing: self, record, firstBytes: bytes)
    }

    /// Resets, and tells why.
    func refuse(_ outcome: ErrorCode, _ detail: String = "") {
        end.reset()
        leave()
        thread.loop.remove(self)
        thread.refused(record, outcome, detail)
    }

    private func leave() {
        guard !hasLeft else { return }
        hasLeft = true
        thread.gateCount -= 1
    }
}
