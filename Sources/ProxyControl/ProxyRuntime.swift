// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import AdminServer
internal import ConnectionStates
internal import ControlLink
internal import DataPlane
internal import Discovery
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import NameResolution
internal import NameServing
internal import Reactor
internal import TLSSession
internal import Telemetry

/// The control thread of a running proxy: everything slow. Signals, identity, configuration, admin and metrics, the log,
/// the end of the process. It owns the data plane and never touches a byte of traffic.
///
/// ```
///   launched ─▶ running ── SIGTERM, /drain, the application's end ──▶ draining ─▶ over ─▶ exit
///                 │  ▲                                                  │
///                 └──┘ SIGHUP, changed files, changed addresses         └ second SIGTERM: now
/// ```
final class ProxyRuntime {
    let loop: EventLoop
    let log: LogWriter
    let dataPlane: DataPlane
    let collector: ReportCollector
    let identityKeeper: IdentityKeeper
    let gatewayKeeper: GatewayKeeper
    let loopbackListeners: LoopbackListeners
    let configurationPath: String
    var state: ProxyState
    var snapshotGeneration: UInt64 = 1
    /// Data threads that have not yet said that they are drained.
    var threadsLeft = 0
    var wasDrainClean = true
    var exitCode = ProxyExitCode.done
    let drained: Mailbox<Bool>

    var spans: SpanBuffer

    let identityLook = Alarm()
    let resolver: NameResolver
    /// When what is known of names is put in force, whether or not all have been answered.
    let namesDue = Alarm()
    var hasNewNames = false
    /// Answers questions about names; nil where that is not asked for.
    private(set) var nameServer: NameServer?
    /// What is answered of the mesh; swapped whole.
    var meshNames: MeshNames
    /// A configuration that waits for its names.
    var pendingReload: PendingReload?
    /// The proxy's own file as it was read when it was last found good.
    var ownText: [UInt8]
    private(set) var control: ControlClient?
    private let admin: AdminServer
    private var watchers: [EventHandler] = []

    init(_ parts: consuming ProxyParts) throws(SystemError) {
        loop = parts.loop
        log = parts.log
        dataPlane = parts.dataPlane
        identityKeeper = parts.identityKeeper
        gatewayKeeper = parts.gatewayKeeper
        loopbackListeners = parts.loopbackListeners
        configurationPath = parts.configurationPath
        state = parts.state
        ownText = parts.ownText
        resolver = NameResolver(loop)
        meshNames = MeshNames(state.file.resources, workload: state.file.proxy.workload)
        collector = try ReportCollector(dataPlane, on: loop, evictAfter: state.file.proxy.metrics.evictAfter)
        spans = SpanBuffer(capacity: state.file.proxy.tracing.spansKept)
        drained = try Mailbox()
        let routes = Routes()
        admin = AdminServer(loop) { request, respond in routes.table?.answer(request, respond) }
        routes.table = AdminRoutes(runtime: self)
        if state.file.proxy.ports.names != nil {
            nameServer = NameServer(loop) { [unowned self] name, _, completion in
                let known = meshNames.answer(name)
                guard let control else { return completion(known) }
                control.answer(name, known, completion)
            }
        }
        identityLook.body = { [unowned self] in lookAtIdentity(force: false) }
        loop.add(identityLook)
        try drained.receive(on: loop) { [unowned self] in threadDrained(wasClean: $0) }
        try parts.reports.receive(on: loop) { [unowned self] batch in
            log.write(batch, now: loop.now)
            keepSpans(batch)
            control?.noteUse(in: batch)
        }
        if let settings = state.file.proxy.control {
            control = ControlClient(self, settings, parts.controlStart)
            try parts.wanted.receive(on: loop) { [unowned self] address in control?.wanted(address) }
        }
    }

    /// The server is made before the table that answers its requests.
    private final class Routes {
        var table: AdminRoutes?
    }

    /// Runs until the proxy has ended.
    func run(_ signals: consuming Descriptor, untilProcess: consuming Descriptor?) throws(Problem) -> ProxyExitCode {
        do throws(SystemError) {
            try watch(signals) { [unowned self] in handleSignals($0) }
            if let process = untilProcess {
                try watch(process) { [unowned self] _ in shutDown(reason: "the application has ended") }
            }
            let addresses = try Descriptor.addressChanges()
            try watch(addresses) { [unowned self] in addressesChanged($0) }
            try watchFiles()
        } catch {
            throw Problem(.internalFault, "the control thread cannot watch: \(error)")
        }
        try listen()
        state.isListening = true
        beginNames()
        announce()
        if let identity = state.identity { control?.use(identity) }
        control?.lookWhetherExpired()
        Ticker.begin(loop, every: .seconds(10)) { [unowned self] in tick() }
        Ticker.begin(loop, every: .seconds(60)) { [unowned self] in gather() }
        if let limit = state.memoryLimit {
            Ticker.begin(loop, every: .seconds(1)) { [unowned self] in lookAtMemory(limit) }
        }
        do throws(SystemError) {
            try loop.run()
            dataPlane.stop()
            // What the data threads have told last.
            try loop.turn(patience: .zero)
        } catch {
            throw Problem(.internalFault, "the control thread cannot go on: \(error)")
        }
        log.log(LogLine(.info, "ended", [("exit_code", String(exitCode.rawValue))]))
        log.finish()
        try? Files.remove(state.file.proxy.adminSocketPath)
        return exitCode
    }

    /// Every minute.
    private func gather() {
        guard let control else { return collector.gather() }
        collector.ask(.connections) { report in
            for record in report.connections where record.direction == .outbound {
                if let original = record.originalDestination { control.used(original.address) }
            }
        }
    }

    // MARK: Beginning

    private func listen() throws(Problem) {
        let proxy = state.file.proxy
        try admin.listen(path: proxy.adminSocketPath)
        try listen(["0.0.0.0", "::"], proxy.ports.metrics, .everybody)
        if let port = proxy.admin.port { try listen(["127.0.0.1", "::1"], port, .administrator) }
        guard let nameServer, let port = proxy.ports.names else { return }
        try listen(["127.0.0.1", "::1"], port) { address throws(SystemError) in try nameServer.listen(address) }
        useResolvers()
    }

    private func listen(_ addresses: [String], _ port: Port, _ audience: AdminAudience) throws(Problem) {
        try listen(addresses, port) { address throws(SystemError) in try admin.listen(address, for: audience) }
    }

    /// Both families, as far as this host has them.
    private func listen(
        _ addresses: [String], _ port: Port, _ listen: (SocketAddress) throws(SystemError) -> Void
    ) throws(Problem) {
        for address in addresses.compactMap({ IPAddress($0) }).map({ SocketAddress($0, port) }) {
            do throws(SystemError) {
                try listen(address)
            } catch {
                guard error.errno == .addressNotAvailable || error.errno == .familyNotSupported else {
                    throw Problem(.listenFailed, at: "\(address)", "cannot be bound: \(error.errno)")
                }
            }
        }
    }

    private func announce() {
        let proxy = state.file.proxy
        log.log(
            LogLine(
                .info, "started",
                [
                    ("version", WeftVersion.text), ("tls", TLSLibrary.version),
                    ("workload", proxy.workload.description),
                    (
                        "identity",
                        state.identity?.identity.description ?? (proxy.identityPaths == nil ? "none" : "none yet")
                    ),
                    ("inbound_mode", proxy.inbound.mode.rawValue), ("data_threads", String(dataPlane.threadCount)),
                    ("descriptors", String(state.descriptorLimit)), ("admin", proxy.adminSocketPath),
                ]))
        for binding in dataPlane.bindings {
            log.log(
                LogLine(
                    .info, "listening",
                    [("direction", binding.direction), ("address", binding.address.description)]))
        }
        for address in (nameServer?.own ?? []).map(\.description).sorted() {
            log.log(LogLine(.info, "listening", [("direction", "names"), ("address", address)]))
        }
        if let problem = state.identityProblem {
            log.log(LogLine(.error, "there is no identity yet; connections that need it wait", problem))
        }
    }

    // MARK: Watching

    /// Calls `body` whenever a descriptor has input.
    func watch(
        _ descriptor: consuming Descriptor, _ body: @escaping (borrowing Descriptor) -> Void
    ) throws(SystemError) {
        let watcher = Watcher(descriptor, body)
        loop.add(watcher)
        try loop.watch(watcher.number, for: watcher, .readable)
        watchers.append(watcher)
    }

    private final class Watcher: EventHandler {
        private let descriptor: Descriptor
        private let body: (borrowing Descriptor) -> Void

        init(_ descriptor: consuming Descriptor, _ body: @escaping (borrowing Descriptor) -> Void) {
            self.descriptor = descriptor
            self.body = body
        }

        var number: Int32 { descriptor.number }

        override func ready(_ readiness: Readiness, slot: UInt8, now: Instant) { body(descriptor) }
    }

    /// Something to be done once, when its deadline comes.
    final class Alarm: EventHandler {
        var body: () -> Void = {}

        override func deadlineReached(now: Instant) { body() }
    }

    /// Something to be done again and again.
    private final class Ticker: EventHandler {
        private unowned let loop: EventLoop
        private let interval: Duration
        private let body: () -> Void

        static func begin(_ loop: EventLoop, every interval: Duration, _ body: @escaping () -> Void) {
            let ticker = Ticker(loop, interval, body)
            loop.add(ticker)
            loop.setDeadline(loop.now + interval, of: ticker)
        }

        private init(_ loop: EventLoop, _ interval: Duration, _ body: @escaping () -> Void) {
            self.loop = loop
            self.interval = interval
            self.body = body
        }

        override func deadlineReached(now: Instant) {
            body()
            loop.setDeadline(now + interval, of: self)
        }
    }

    /// Every second, where there is a limit: before the kernel ends everything, we refuse and reset something.
    private func lookAtMemory(_ limit: Int64) {
        let pressure = MemoryPressure(residentBytes: ThisProcess.usage().residentBytes, limit: limit)
        guard pressure != state.pressure || pressure == .critical else { return }
        if pressure > state.pressure {
            log.log(LogLine(.warn, "memory is nearly full", [("limit", String(limit)), ("pressure", "\(pressure)")]))
        }
        state.pressure = pressure
        dataPlane.use(pressure)
    }

    /// Every ten seconds: files that were changed where no watch sees it.
    private func tick() {
        lookAtIdentity(force: false)
        useResolvers()
        control?.tick()
    }
}
