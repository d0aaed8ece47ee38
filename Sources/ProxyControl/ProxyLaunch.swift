// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlLink
internal import DataPlane
internal import Discovery
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import NameServing
internal import Reactor
internal import ResourceDocuments
internal import TLSSession
internal import Telemetry

/// What a proxy is made of, put together while the process may still open files, and before it has a second thread.
struct ProxyParts: ~Copyable {
    let loop: EventLoop
    let log: LogWriter
    let dataPlane: DataPlane
    let reports: ReportSink
    let identityKeeper: IdentityKeeper
    let gatewayKeeper: GatewayKeeper
    let loopbackListeners: LoopbackListeners
    let configurationPath: String
    /// The configuration file as it was read.
    let ownText: [UInt8]
    let controlStart: ControlStart
    /// Addresses that data threads ask the control plane for.
    let wanted: Mailbox<IPAddress>
    let state: ProxyState
}

/// Starts a proxy, step by step. The order matters: nothing is bound before the configuration is known to be good, and no
/// thread starts before the process has given away what it does not need.
enum ProxyLaunch {
    struct Options {
        var configurationPath: String
        var allowsRoot = false
        var untilProcess: Int32?
    }

    static func run(_ options: Options) throws(Problems) -> ProxyExitCode {
        let text = try ConfigurationReader.bytes(path: options.configurationPath)
        let file = try ConfigurationReader.read(text, name: options.configurationPath)
        do throws(Problem) {
            try checkUser(file.proxy, options)
            // A gateway may stand outside the mesh, in front of servers that are not in it either; a sidecar cannot.
            if file.identityLoader == nil, file.resources.gateways.isEmpty {
                throw Problem(.missingField, at: "spec.identity", "is missing", remedy: "give chain, key and bundle")
            }
            return try start(file, text, options)
        } catch {
            throw Problems(error)
        }
    }

    /// The proxy's user is what tells its traffic from the application's.
    private static func checkUser(_ proxy: ProxySettings, _ options: Options) throws(Problem) {
        if ThisProcess.isRoot, !options.allowsRoot {
            throw Problem(
                .runsAsRoot, "the proxy would run as root",
                remedy: "start it as a user of its own, `setpriv --reuid 2102 ...`")
        }
        let exempt = proxy.capture.proxyUsers
        guard let user = ThisProcess.user, exempt.isEmpty || exempt.contains(user) || options.allowsRoot else {
            let list = exempt.map(\.description).joined(separator: ", ")
            throw Problem(
                .userMismatch, at: "spec.capture.proxyUIDs",
                "exempts \(list), but the proxy runs as \(ThisProcess.effectiveUser)",
                remedy: "start it as one of them, or its own traffic would be captured")
        }
    }

    private static func start(
        _ ownFile: ConfigurationFile, _ text: [UInt8], _ options: Options
    ) throws(Problem) -> ProxyExitCode {
        var file = ownFile
        ThisProcess.tuneHeap()
        ThisProcess.ignoreBrokenPipes()
        let limit = ThisProcess.raiseDescriptorLimit()
        TLSLibrary.prepare(sessions: limit)
        try prepareStateDirectory(file.proxy.stateDirectory)
        if file.proxy.renewsIdentity { IdentityDirectory(in: file.proxy.stateDirectory).recover() }
        let signals = try system { () throws(SystemError) in try Descriptor.signals() }
        let process = try applicationProcess(options)
        let loop = try system { () throws(SystemError) in try EventLoop() }
        let log = LogWriter(loop, file.proxy.log)
        let loopbackListeners = LoopbackListeners()
        let memoryLimit = file.proxy.limits.memoryBytes ?? MemoryLimit.ofControlGroup()
        confine(file, options.configurationPath, log)

        let keeper = IdentityKeeper(file.identityLoader)
        var (identity, identityProblem) = look(keeper, file)
        // What was signed for it once is still good, and waits for the new certificate.
        let last = identity ?? keeper.expired(now: WallTime.now())
        var controlStart = file.lastKnown(last)
        if file.proxy.control != nil, !controlStart.isAwaited {
            do throws(Problems) {
                file = try controlStart.mesh.configuration(around: text, name: options.configurationPath)
                // With the roots and denials that were told last.
                if let loader = file.identityLoader(controlStart.mesh, own: last?.identity.trustDomain) {
                    keeper.use(loader)
                    (identity, identityProblem) = look(keeper, file)
                }
            } catch {
                controlStart = ControlStart(problem: error.all.first)
            }
        }
        var state = ProxyState(
            file: file, descriptorLimit: limit, memoryLimit: memoryLimit, startedAt: WallTime.now())
        state.identity = identity
        state.identityProblem = identityProblem
        state.isControlAwaited = controlStart.isAwaited
        state.isUnannounced = controlStart.isAwaited
        let wanted = try system { () throws(SystemError) -> Mailbox<IPAddress> in try Mailbox() }
        let reports = try system { () throws(SystemError) in try ReportSink() }
        let snapshot = DiscoverySnapshot(
            file.resources, registryOnly: file.proxy.outbound.registryOnly, metricsPort: file.proxy.ports.metrics,
            workload: file.proxy.workload,
            isAwaited: controlStart.isAwaited && file.resources.mesh.ranges.isEmpty,
            locality: file.proxy.locality, generation: 1)
        log.warn(ofDisplacedIn: snapshot)
        let gatewayKeeper = GatewayKeeper()
        gatewayKeeper.use(file.resources.gateways, try GatewayKeeper.load(file.resources.gateways))
        var ask: (@Sendable (IPAddress) -> Void)?
        if file.proxy.control != nil { ask = { address in wanted.send(address) } }
        let dataPlane = try DataPlane(
            settings: DataPlaneSettings(file.proxy, descriptorLimit: limit, loopbackListeners: loopbackListeners),
            snapshot: snapshot, gateways: gatewayKeeper.material,
            ownAddresses: try system { () throws(SystemError) in try OwnAddresses.all() }, reports: reports,
            ask: ask)
        if let identity = state.identity { dataPlane.use(identity) }
        warnOfDescriptors(file.proxy, limit, log)
        let parts = ProxyParts(
            loop: loop, log: log, dataPlane: dataPlane, reports: reports, identityKeeper: keeper,
            gatewayKeeper: gatewayKeeper,
            loopbackListeners: loopbackListeners, configurationPath: options.configurationPath, ownText: text,
            controlStart: controlStart, wanted: wanted, state: state)
        let runtime = try makeRuntime(parts)
        return try runtime.run(signals, untilProcess: process)
    }

    private static func look(_ keeper: IdentityKeeper, _ file: ConfigurationFile) -> (IdentityMaterial?, Problem?) {
        switch keeper.look(force: true, now: WallTime.now()) {
        case .loaded(let material): (material, nil)
        case .rejected(let problem, _): (keeper.material, file.explained(problem))
        case .none, .unsettled: (keeper.material, nil)
        }
    }

    private static func makeRuntime(_ parts: consuming ProxyParts) throws(Problem) -> ProxyRuntime {
        do throws(SystemError) {
            return try ProxyRuntime(parts)
        } catch {
            throw Problem(.internalFault, "the proxy cannot start: \(error)")
        }
    }

    /// The process whose end is ours (`--until-pid`).
    private static func applicationProcess(_ options: Options) throws(Problem) -> Descriptor? {
        guard let number = options.untilProcess else { return nil }
        do throws(SystemError) {
            return try Descriptor.process(number)
        } catch {
            throw Problem(.badValue, at: "--until-pid", "process \(number) cannot be watched: \(error.errno)")
        }
    }

    private static func system<Result: ~Copyable>(
        _ body: () throws(SystemError) -> Result
    ) throws(Problem) -> Result {
        do throws(SystemError) {
            return try body()
        } catch {
            throw Problem(.internalFault, "the proxy cannot start: \(error)")
        }
    }

    /// The state directory is ours alone: the admin socket in it is as good as a key.
    private static func prepareStateDirectory(_ path: String) throws(Problem) {
        let remedy =
            "`install -d -m 0700 -o \(ThisProcess.effectiveUser) \(path)`, or name a new directory in one that the "
            + "proxy may write to"
        let facts: FileFacts
        do throws(SystemError) {
            if !Files.exists(path) { try Files.makeDirectory(path, permissions: 0o700) }
            facts = try Files.facts(path)
        } catch {
            throw Problem(.stateDirectory, at: path, "cannot be used: \(error)", remedy: remedy)
        }
        guard facts.isDirectory else { throw Problem(.stateDirectory, at: path, "is not a directory") }
        guard facts.user == ThisProcess.effectiveUser, facts.permissions & 0o077 == 0 else {
            throw Problem(
                .stateDirectory, at: path,
                "belongs to uid \(facts.user) with mode \(String(facts.permissions, radix: 8))", remedy: remedy)
        }
    }

    /// Gives away what a proxy never needs. Where the kernel does not offer it, the proxy says so and runs on: the uid and
    /// the missing capabilities are what protects then.
    private static func confine(_ file: ConfigurationFile, _ configurationPath: String, _ log: LogWriter) {
        var readable: Set<String> = []
        let files =
            [configurationPath] + (file.identityLoader?.files ?? []) + GatewayKeeper.files(of: file.resources.gateways)
        for path in files {
            readable.insert(Files.directory(of: path))
            // A mounted secret is a symlink; what it leads to must be readable too.
            if let resolved = Files.resolved(path) { readable.insert(Files.directory(of: resolved)) }
        }
        // For c-ares, and for names that a reload brings: its files are replaced by renaming, so that leave for the files as
        // they are now would not last. Without the device it would draw the identifiers of its questions by rand(3).
        readable.formUnion(["/etc", "/dev/urandom"])
        // And for the resolvers that names are passed on to, where systemd-resolved has them.
        readable.insert(Files.directory(of: ResolverFile.managedPath))
        for path in [ResolverFile.path, "/etc/hosts"] {
            if let resolved = Files.resolved(path) { readable.insert(Files.directory(of: resolved)) }
        }
        let writable = [file.proxy.stateDirectory, Files.directory(of: file.proxy.adminSocketPath)]
        for (name, step) in [
            ("no_new_privs", { () throws(SystemError) in try Confinement.harden() }),
            (
                "landlock",
                { () throws(SystemError) in
                    try Confinement.restrictFiles(
                        readable: readable.sorted() + ["/proc/self/statm"], writable: writable)
                }
            ),
            ("seccomp", { () throws(SystemError) in try Confinement.restrictCalls() }),
        ] {
            do throws(SystemError) {
                try step()
            } catch {
                let problem = Problem(.confinementMissing, at: name, "is not to be had: \(error.errno)")
                log.log(LogLine(.warn, "the proxy runs less confined than it could", problem))
            }
        }
    }

    private static func warnOfDescriptors(_ proxy: ProxySettings, _ limit: Int, _ log: LogWriter) {
        guard proxy.limits.connections > limit / 2 else { return }
        let problem = Problem(
            .descriptorLimit, at: "limits.connections",
            "asks for \(proxy.limits.connections) connections, but \(limit) descriptors allow about \(limit / 2)")
        log.log(LogLine(.warn, "fewer connections are possible than configured", problem))
    }
}
