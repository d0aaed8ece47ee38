// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import AdminServer
internal import Configuration
internal import DataPlane
internal import Discovery
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import TLSSession
internal import Telemetry

/// The control thread of a running proxy: everything slow. Signals, identity, configuration, admin and metrics, the log,
/// the end of the process. It owns the data plane and never touches a byte of traffic.
///
/// ```
///   start ─▶ running ── SIGTERM, /drain, the application's end ──▶ draining ─▶ over ─▶ exit
///              │  ▲                                                  │
///              └──┘ SIGHUP, changed files, changed addresses         └ second SIGTERM: now
/// ```
final class ProxyRuntime {
    let loop: EventLoop
    let log: LogWriter
    let collector: ReportCollector
    let configurationPath: String
    var state: ProxyState

    private let dataPlane: DataPlane
    private let loopbackListeners: LoopbackListeners
    private let identityKeeper: IdentityKeeper
    private let drained: Mailbox<Bool>
    private var admin: AdminServer?
    private var watchers: [EventHandler] = []
    private var snapshotGeneration: UInt64 = 1
    private var threadsLeft: Int
    private var wasDrainClean = true
    private var connectionPeak = 0
    private var exitCode = ExitCode.done

    /// Takes over everything that was made while the process could still open files and start threads.
    init(
        _ parts: ProxyParts, file: ConfigurationFile, path: String, descriptorLimit: Int
    ) throws(SystemError) {
        loop = parts.loop
        log = parts.log
        dataPlane = parts.dataPlane
        loopbackListeners = parts.loopbackListeners
        identityKeeper = parts.identityKeeper
        configurationPath = path
        collector = try ReportCollector(dataPlane, on: loop)
        drained = try Mailbox()
        threadsLeft = dataPlane.threadCount
        state = ProxyState(file: file, descriptorLimit: descriptorLimit, startedAt: WallTime.now())
        state.isListening = true
        try drained.receive(on: loop) { [unowned self] in threadDrained(wasClean: $0) }
        try parts.reports.receive(on: loop) { [unowned self] batch in
            log.write(batch.map { ($0.record, $0.endedAt) }, now: loop.now)
        }
    }

    /// Runs until the proxy has ended; the exit code.
    func run(_ signals: consuming Descriptor, untilProcess: Descriptor?) throws(Problem) -> ExitCode {
        do throws(SystemError) {
            try watch(signals) { [unowned self] in handleSignals($0) }
            if let untilProcess { try watch(untilProcess) { [unowned self] _ in applicationEnded() } }
            try watchAddresses()
            try watchIdentity()
            try startAdmin()
            announce()
            try loop.run()
            dataPlane.stop()
            try? loop.turn(patience: .zero)
            log.log(LogLine(.info, "ended", [("exit_code", String(exitCode.rawValue))]))
            log.finish()
            if state.file.proxy.admin.socketPath != nil || Files.exists(state.file.proxy.adminSocketPath) {
                try? Files.remove(state.file.proxy.adminSocketPath)
            }
            return exitCode
        } catch {
            throw Problem(.internalFault, "the control thread cannot run: \(error)")
        }
    }
}
