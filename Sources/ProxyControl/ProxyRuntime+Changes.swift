// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlLink
internal import DataPlane
internal import Discovery
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import ResourceDocuments
internal import TLSSession
internal import Telemetry

/// What changes while the proxy runs: files, addresses, the configuration.
extension ProxyRuntime {
    // MARK: Signals

    func handleSignals(_ signals: borrowing Descriptor) {
        while let signal = signals.nextSignal() {
            switch signal {
            case .terminate, .interrupt: terminate()
            case .hangup: reload()
            case .childEnded: ThisProcess.reapChildren()
            case .user1, .kill: break
            }
        }
    }

    // MARK: Addresses

    func addressesChanged(_ changes: borrowing Descriptor) {
        changes.drainAddressChanges()
        guard let addresses = try? OwnAddresses.all() else { return }
        dataPlane.use(ownAddresses: addresses)
        control?.addressesChanged()
    }

    // MARK: Identity

    /// Watches the directories of the identity's files; mounted secrets are swapped by renaming a symlink in there.
    func watchFiles() throws(SystemError) {
        let watch = try Descriptor.directoryWatch()
        var directories = identityKeeper.directories
        if state.file.proxy.renewsIdentity {
            // The directory of the identity is replaced as a whole, and may not be there yet.
            directories = [state.file.proxy.stateDirectory]
        }
        for directory in directories.sorted() {
            do throws(SystemError) {
                try watch.watch(directory: directory)
            } catch {
                log.log(
                    LogLine(
                        .warn, "a directory cannot be watched; its files are looked at every ten seconds",
                        [("directory", directory), ("error", error.errno.description)]))
            }
        }
        try self.watch(watch) { [unowned self] watch in
            // What writes one file may be about to write the next: a look at each would find them at odds.
            if watch.drainDirectoryWatch() { lookSoon(.milliseconds(100)) }
        }
    }

    private func lookSoon(_ delay: Duration) { loop.setDeadline(loop.now + delay, of: identityLook) }

    /// Loads the identity if its files have changed, and puts it in force if it is good.
    func lookAtIdentity(force: Bool) {
        lookAtGateways()
        switch identityKeeper.look(force: force, now: WallTime.now()) {
        case .none:
            if identityKeeper.material != nil { state.identityProblem = nil }
        case .loaded(let material):
            let isFirst = state.identity == nil
            state.identity = material
            state.identityProblem = nil
            state.identityChanges.done += 1
            dataPlane.use(material)
            control?.use(material)
            let end = material.chain.first?.notAfter?.description ?? "?"
            log.log(
                LogLine(
                    .info, isFirst ? "identity loaded" : "identity renewed",
                    [("identity", material.identity.description), ("not_after", end)]))
        case .rejected(let found, let isNew):
            let problem = state.file.explained(found)
            state.identityProblem = problem
            guard isNew else { return }
            state.identityChanges.rejected += 1
            let consequence = state.identity == nil ? "there is no identity yet" : "the old identity stays"
            log.log(LogLine(.error, "identity rejected; \(consequence)", problem))
        case .unsettled:
            lookSoon(.seconds(1))
        }
    }

    /// Takes other certificates for HTTPS listeners if their files have changed.
    private func lookAtGateways() {
        do throws(Problem) {
            guard let material = try gatewayKeeper.look() else { return }
            dataPlane.use(material)
            log.log(LogLine(.info, "certificates of gateways renewed"))
        } catch {
            log.log(LogLine(.error, "certificates of gateways rejected; the old ones stay", error))
        }
    }

    // MARK: Configuration

    /// SIGHUP: reads the configuration and the identity again. Either takes effect as a whole or not at all.
    func reload() {
        do throws(Problems) {
            let text = try ConfigurationReader.bytes(path: configurationPath)
            let file = try (control?.mesh ?? ControlledMesh()).configuration(around: text, name: configurationPath)
            useWhenNamed(file, of: .file) { [unowned self] outcome in if case .inForce = outcome { ownText = text } }
        } catch {
            reject(error)
        }
        lookAtIdentity(force: true)
    }

    /// Puts a configuration in force that was read well.
    func putInForce(_ file: ConfigurationFile, of source: ConfigurationSource) -> ConfigurationOutcome {
        defer { narrowNames() }
        do throws(Problems) {
            // What comes now is the mesh.
            let wasAwaited = state.isControlAwaited
            if source == .controlPlane { state.isControlAwaited = false }
            do throws(Problems) {
                try use(file)
            } catch {
                state.isControlAwaited = wasAwaited
                throw error
            }
            guard source == .file else { return .inForce }
            state.configurationProblem = nil
            state.reloads.done += 1
            log.log(LogLine(.info, "configuration reloaded", [("file", configurationPath)]))
            return .inForce
        } catch {
            // Of an update its sender is told.
            if source == .file { reject(error) }
            return .rejected(error)
        }
    }

    private func reject(_ problems: Problems) {
        state.configurationProblem = problems.all.first
        state.reloads.rejected += 1
        for problem in problems.all {
            log.log(LogLine(.error, "configuration rejected; the old one stays", problem))
        }
    }

    /// Nothing changes where it throws.
    private func use(_ new: ConfigurationFile) throws(Problems) {
        let old = state.file
        var file = new
        file.proxy.workload = old.proxy.workload
        file.proxy.ports = old.proxy.ports
        file.proxy.admin = old.proxy.admin
        file.proxy.dataThreads = old.proxy.dataThreads
        file.proxy.stateDirectory = old.proxy.stateDirectory
        file.proxy.identity = old.proxy.identity
        // Where it is may change, whether there is one not.
        if (old.proxy.control == nil) != (new.proxy.control == nil) { file.proxy.control = old.proxy.control }
        // First what may fail: a port of a gateway that cannot be bound.
        let snapshot = makeSnapshot(file)
        do throws(Problem) {
            let certificates = try GatewayKeeper.load(file.resources.gateways)
            try dataPlane.use(dataPlaneSettings(file.proxy), snapshot, certificates)
            gatewayKeeper.use(file.resources.gateways, certificates)
        } catch {
            throw Problems(error)
        }
        log.warn(ofDisplacedIn: snapshot)
        // What is bound or started stays as it is until the next start, and is said.
        for (name, hasChanged) in [
            ("metadata", old.proxy.workload != new.proxy.workload),
            ("spec.ports", !old.proxy.ports.isSame(as: new.proxy.ports)),
            ("spec.names.port", old.proxy.ports.names != new.proxy.ports.names),
            ("spec.admin", old.proxy.admin != new.proxy.admin),
            ("spec.dataThreads", old.proxy.dataThreads != new.proxy.dataThreads),
            ("spec.stateDirectory", old.proxy.stateDirectory != new.proxy.stateDirectory),
            ("spec.identity", old.proxy.identity != new.proxy.identity),
            ("spec.control", (old.proxy.control == nil) != (new.proxy.control == nil)),
        ] where hasChanged {
            let problem = Problem(.notReloadable, at: name, "has changed", remedy: "restart the proxy for it")
            log.log(LogLine(.warn, "a change takes effect at the next start", problem))
        }
        snapshotGeneration = snapshot.generation
        hasNewNames = false
        state.file = file
        log.level = file.proxy.log.level
        log.format = file.proxy.log.format
        spans.resize(file.proxy.tracing.spansKept)
        collector.evictAfter = file.proxy.metrics.evictAfter
        serveNames(of: file)
        if let control, let settings = file.proxy.control { control.use(settings) }
        useLoader(control?.mesh ?? ControlledMesh())
    }

    /// Loads the identity from now on with the roots and denials of a mesh that the control plane has told of.
    func use(trustOf mesh: ControlledMesh) {
        useLoader(mesh)
        lookAtIdentity(force: true)
    }

    private func useLoader(_ mesh: ControlledMesh) {
        let own = state.identity?.identity.trustDomain
        if let loader = state.file.identityLoader(mesh, own: own) { identityKeeper.use(loader) }
    }

    /// Hands the settings in force to the data threads.
    private func useSettings() {
        dataPlane.use(dataPlaneSettings(state.file.proxy))
    }

    private func dataPlaneSettings(_ proxy: ProxySettings) -> DataPlaneSettings {
        DataPlaneSettings(proxy, descriptorLimit: state.descriptorLimit, loopbackListeners: loopbackListeners)
    }

    func setLogLevel(_ level: LogSettings.Level) {
        state.file.proxy.log.level = level
        log.level = level
        useSettings()
    }
}

extension LogWriter {
    /// HTTPRoutes and GRPCRoutes for one host do not mix.
    func warn(ofDisplacedIn snapshot: DiscoverySnapshot) {
        for route in snapshot.displacedRoutes {
            log(LogLine(.warn, "a route stands back behind an older one of another kind", [("route", route)]))
        }
    }
}

extension ConfigurationFile {
    /// How to load the identity that this file names; nil where it names none.
    var identityLoader: IdentityLoader? { identityLoader(ControlledMesh(), own: nil) }

    /// What is wrong with an identity, in words for the case that there never was one.
    func explained(_ problem: Problem) -> Problem {
        guard proxy.renewsIdentity, !IdentityDirectory(in: proxy.stateDirectory).exists else { return problem }
        return Problem(
            .neverJoined, at: proxy.stateDirectory, "holds no identity: the proxy has never joined",
            remedy: "run `weft join` for it")
    }
}
