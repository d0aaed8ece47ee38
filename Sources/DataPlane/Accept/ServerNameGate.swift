// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Detection
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Routing
internal import Telemetry

/// A connection whose way the server name in its ClientHello decides. Collects the first bytes until the name is known, then
/// makes room for a relay, which gets the socket, the bytes and the place in the loop. Nothing is dialled before.
final class ServerNameGate: EventHandler {
    /// Who asks for the name.
    enum Asker {
        /// TLSRoutes of a service that was dialled.
        case service(ConnectionTable)
        /// Listeners of a gateway.
        case gateway(GatewayPort)
    }

    private let thread: DataThread
    private let end: PlainEnd
    private var record: ConnectionRecord
    private let asker: Asker
    private var reader = ClientHelloReader()
    /// At most a ClientHello's worth and a read.
    private var bytes: [UInt8] = []
    private var hasLeft = false

    static func begin(
        _ thread: DataThread, _ socket: consuming Descriptor, _ asker: Asker, _ record: ConnectionRecord
    ) {
        let gate = ServerNameGate(thread, socket, asker, record)
        thread.gateCount += 1
        thread.loop.add(gate)
        do throws(SystemError) {
            try thread.loop.watch(gate.end.number, for: gate)
        } catch {
            return gate.refuse(.descriptorsExhausted, error.description)
        }
        thread.loop.setDeadline(thread.loop.now + thread.settings.proxy.timeouts.handshake, of: gate)
        gate.read()
    }

    private init(
        _ thread: DataThread, _ socket: consuming Descriptor, _ asker: Asker, _ record: ConnectionRecord
    ) {
        self.thread = thread
        self.record = record
        self.asker = asker
        end = PlainEnd(socket)
        super.init()
        self.record.state = "detecting"
    }

    override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) {
        end.note(readiness)
        read()
    }

    override func deadlineReached(now: Instant) { refuse(bytes.isEmpty ? .clientSilent : .handshakeTimeout) }

    /// What the admin list shows.
    var listing: ConnectionRecord { record }

    private func read() {
        let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: thread.buffers.ciphertext[..<ReadSize.smallest])
        while end.mayHaveInput, !hasLeft {
            switch unsafe end.receive(into: buffer) {
            case .bytes(let count):
                unsafe bytes.append(contentsOf: buffer[..<count])
                judge()
            case .ended, .wouldBlock: break
            case .failed(let errno): return refuse(.clientReset, errno.description)
            }
        }
        // Half a message tells no name, and the rest will not come.
        if end.hasEndedInput, !hasLeft { refuse(bytes.isEmpty ? .clientSilent : .notTLS) }
    }

    private func judge() {
        switch unsafe reader.judge(bytes.span.bytes) {
        case .needMoreBytes: return
        case .notTLS: refuse(.notTLS)
        case .tooLong: refuse(.notTLS, "the ClientHello is longer than \(ClientHello.byteLimit) bytes")
        case .complete(let hello):
            record.detected = .tls
            choose(hello.serverName?.lowercased())
        }
    }

    private func choose(_ name: String?) {
        switch asker {
        case .service(let table):
            guard let rule = table.rule(serverName: name) else { return refuseName(name) }
            leave()
            thread.begin(end, rule, record, replacing: self, early: bytes)
        case .gateway(let port):
            guard let listener = port.listener(for: name) else { return refuseName(name) }
            record.listener = listener.label
            if let control = thread.settings.pacedCongestionControl { end.expectCongestion(control) }
            if listener.listener.transport == .https {
                leave()
                return SecureFront.begin(
                    thread, end, replacing: self, listener, record, firstBytes: bytes)
            }
            guard let rule = listener.connectionRoutes?.rule(serverName: name) else { return refuseName(name) }
            leave()
            thread.begin(end, rule, record, replacing: self, early: bytes)
        }
    }

    /// A client of a gateway is told why by the alert that TLS has for it (RFC 6066 section 3); of a service it may be one
    /// that the application's own server answers otherwise, and it is reset.
    private func refuseName(_ name: String?) {
        if case .gateway = asker {
            // fatal(2), unrecognized_name(112), in a record of TLS 1.2 as its form is before anything is agreed.
            let alert: [UInt8] = [21, 3, 3, 0, 2, 2, 112]
            _ = unsafe alert.withUnsafeBytes { unsafe end.write($0) }
        }
        refuse(.serverNameUnknown, name.map { "`\($0.printable)`" } ?? "none was sent")
    }

    /// Resets, and tells why.
    func refuse(_ outcome: ErrorCode, _ detail: String = "") {
        guard !hasLeft else { return }
        leave()
        LingeringReset.begin(thread, end, now: thread.loop.now)
        end.reset()
        thread.loop.remove(self)
        thread.refused(record, outcome, detail)
    }

    private func leave() {
        guard !hasLeft else { return }
        hasLeft = true
        thread.gateCount -= 1
    }
}
