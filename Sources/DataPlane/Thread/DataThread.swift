// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import Discovery
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import Routing
internal import TLSSession
internal import Telemetry

/// One data thread: a loop with its own listeners, buffers, pools and connections, sharing nothing with the others.
///
/// What changes from outside (snapshot, identity, addresses, settings) arrives as whole immutable values by mailbox and is
/// swapped between two turns; what is told to the outside (finished connections, counters, listings) leaves the same way.
final class DataThread {
    let loop: EventLoop
    let index: Int
    let staging = TLSStaging()
    let buffers = ThreadBuffers()
    let slices = SliceList()
    private var randomState: FastRandom
    /// Not lent (ARCHITECTURE.md, "Properties are not lent").
    var random: FastRandom {
        get { randomState }
        set { randomState = newValue }
    }
    var counters = DataPlaneCounters()

    // What holds now, as told from outside.
    var settings: DataPlaneSettings
    var snapshot: DiscoverySnapshot
    var ownAddresses: Set<IPAddress>
    var identity: TLSContext?
    /// By the label of the HTTPS listener.
    var gatewayContexts: [String: GatewayTLSContext] = [:]

    // What the thread itself keeps.
    var pool: PeerPool
    var services = ServiceStates()
    var listeners: [Listener] = []
    var drain: DrainState
    var held: [EventHandler] = []
    /// Those that wait for the control plane to say who has their address.
    var heldOutbound: [HeldOutbound] = []
    /// What nobody has, for a moment.
    var unknownUntil: [IPAddress: Instant] = [:]
    /// Asks the control plane for an address; nil without one.
    let ask: (@Sendable (IPAddress) -> Void)?
    var requests: RequestKeeping
    /// On the first thread alone.
    var checker: HealthChecker?

    // How many of each there are; what they hold open follows from it.
    var gateCount = 0
    var plainRelayCount = 0
    var streamRelayCount = 0
    /// Pipes through which plaintext bulk is spliced; two descriptors each.
    var pipeCount = 0
    /// Sockets that still deliver what was sent before they reset.
    var lingeringCount = 0
    /// Accepted connections of other sidecars that have got our farewell and not ended theirs yet.
    var leavingCount = 0
    /// A drain is past its settling: listeners are closed and who is connected hears of it.
    var hasClosedInbound = false
    /// Connections of applications under way.
    var activeCount: Int { plainRelayCount + streamRelayCount }
    private var lastConnection: UInt64 = 0

    /// The session whose call is under way: staging and buffers are its own until it returns. See `PeerConnection.perform`.
    var activePeer: PeerConnection?

    var pressure = MemoryPressure.none
    /// For who was accepted before the certificate was renewed.
    private(set) lazy var farewell = GradualFarewell(self)
    var drainTimer: EventHandler?
    var drainDone: (@Sendable (Bool) -> Void)?

    let memory: MemoryKeeper
    private let reports: ReportSink
    private var finished: [FinishedWork] = []
    private var reporter: Reporter?

    init(
        index: Int, settings: DataPlaneSettings, snapshot: DiscoverySnapshot, ownAddresses: Set<IPAddress>,
        reports: ReportSink, ask: (@Sendable (IPAddress) -> Void)? = nil
    ) throws(SystemError) {
        self.ask = ask
        loop = try EventLoop()
        memory = MemoryKeeper(loop)
        self.index = index
        self.settings = settings
        pool = PeerPool(settings)
        requests = RequestKeeping(settings)
        self.snapshot = snapshot
        self.ownAddresses = ownAddresses
        self.reports = reports
        drain = DrainState(settings.proxy.drain)
        var seed = KernelRandom()
        randomState = FastRandom(seed: seed.next())
        let reporter = Reporter(self)
        loop.add(reporter)
        self.reporter = reporter
    }

    /// The next connection's number, unique over all threads.
    func nextConnectionID() -> UInt64 {
        lastConnection += 1
        return UInt64(index) << 48 | lastConnection
    }

    /// True if an address and port is one of our own listeners: nothing may be forwarded there.
    func isOwnListener(_ address: SocketAddress) -> Bool {
        guard settings.ownPorts.contains(address.port) else { return false }
        return address.address.isLoopback || address.address.isUnspecified || ownAddresses.contains(address.address)
    }

    /// True if another connection may not be taken: there would be too many, or no descriptors for it.
    var isFull: Bool {
        let descriptors =
            gateCount + 2 * plainRelayCount + streamRelayCount + counters.peerConnections + lingeringCount
            + 2 * pipeCount + upstreamCount
        return activeCount + gateCount >= settings.connectionsPerThread
            || descriptors + 2 > settings.descriptorsPerThread
    }

    // MARK: Beginning and end of connections

    func opened(_ direction: TrafficDirection) {
        counters[direction].opened += 1
        counters[direction].active += 1
        memory.note()
    }

    /// Counts, and queues for the log, a connection that has ended.
    func finished(_ record: consuming ConnectionRecord, isLogged: Bool = true) {
        record.duration = loop.now - record.startedAt
        counters.finish(record)
        counters[record.direction].active -= 1
        memory.note()
        if isLogged, logsConnections { report(.connection(record)) }
        drainMayBeOver()
    }

    /// Looked at in a moment, not from here: this may be inside a session's call, and the end of a drain begins others.
    func drainMayBeOver() {
        if let drainTimer { loop.setDeadline(loop.now, of: drainTimer) }
    }

    /// A connection that is refused before it becomes one.
    func refused(_ record: ConnectionRecord, _ outcome: ErrorCode, _ detail: String = "") {
        var record = record
        record.outcome = outcome
        record.detail = detail
        opened(record.direction)
        finished(record)
    }

    /// True if the log has a line for each connection and each request.
    var logsConnections: Bool { settings.proxy.log.connections && settings.proxy.log.level >= .info }

    /// Queues something for the control thread.
    func report(_ record: FinishedWork.Record, isLogged: Bool = true, isSampled: Bool = false) {
        let work = FinishedWork(record: record, endedAt: loop.now, isLogged: isLogged, isSampled: isSampled)
        guard finished.count < ReportSink.batchMax else {
            flushReports()
            finished.append(work)
            return
        }
        finished.append(work)
        if finished.count == 1, let reporter {
            // A tenth of a second is nothing to a reader of logs, and saves a wake-up of the other thread per connection.
            loop.setDeadline(loop.now + .milliseconds(100), of: reporter)
        }
    }

    /// Hands finished connections to the control thread.
    func flushReports() {
        guard !finished.isEmpty else { return }
        counters.recordsDropped += UInt64(reports.send(finished))
        // Not emptied: the batch belongs to the control thread now, and to keep the capacity would make another as large.
        finished = []
    }

    private final class Reporter: EventHandler {
        private unowned let thread: DataThread

        init(_ thread: DataThread) { self.thread = thread }

        override func deadlineReached(now: Instant) { thread.flushReports() }
    }
}
