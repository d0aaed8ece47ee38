// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import DataPlane
internal import Discovery
internal import MeshModel
internal import NameResolution
internal import Reactor
internal import Telemetry

/// Where a configuration comes from.
enum ConfigurationSource {
    /// SIGHUP: the proxy's own file.
    case file
    /// An update.
    case controlPlane
}

/// What became of a configuration that was read well.
enum ConfigurationOutcome {
    case inForce
    case rejected(Problems)
    /// A newer one was read while this one waited.
    case superseded
}

/// A configuration that waits for its names.
struct PendingReload {
    let begin: () -> ConfigurationOutcome
    let done: (ConfigurationOutcome) -> Void
}

/// Names of endpoints: they are looked up here, and what comes of it goes to the data threads as a new snapshot.
extension ProxyRuntime {
    /// How long readiness waits for the first answers, once; a server that is silent does not hold up the whole pod.
    private static let startPatience = Duration.seconds(5)
    /// How long a new configuration waits for the names that it brings, so that a service that is renamed has endpoints from
    /// the first moment.
    private static let reloadPatience = Duration.seconds(2)
    /// Answers that come together make one snapshot.
    private static let gathering = Duration.milliseconds(50)

    /// Begins to look up what the configuration names.
    func beginNames() {
        resolver.tell = { [unowned self] in told($0) }
        namesDue.body = { [unowned self] in namesDeadline() }
        loop.add(namesDue)
        resolver.use(state.file.resources.nameWishes)
        guard !resolver.isSettled else { return }
        state.isResolvingNames = true
        loop.setDeadline(loop.now + Self.startPatience, of: namesDue)
    }

    /// Puts a configuration in force that has been read and found good: at once if all its names are known or have been asked
    /// for before, else as soon as they have been.
    func useWhenNamed(
        _ file: ConfigurationFile, of source: ConfigurationSource, _ done: @escaping (ConfigurationOutcome) -> Void
    ) {
        // A newer file takes the place of one that still waits.
        let superseded = pendingReload
        pendingReload = nil
        defer { superseded?.done(.superseded) }
        // Names of the file in force are kept until the new one is.
        var wishes = state.file.resources.nameWishes
        wishes.merge(file.resources.nameWishes) { _, new in new }
        resolver.use(wishes)
        guard !resolver.isSettled else { return done(putInForce(file, of: source)) }
        pendingReload = PendingReload(
            begin: { [unowned self] in
                let outcome = putInForce(file, of: source)
                // The new file may name another identity; what was looked at with the reload were the old one's files.
                lookAtIdentity(force: true)
                return outcome
            }, done: done)
        loop.setDeadline(loop.now + Self.reloadPatience, of: namesDue)
    }

    /// Looks up what the configuration in force wants, and nothing else.
    func narrowNames() { resolver.use(state.file.resources.nameWishes) }

    /// What a file says, with what is known of its names, as the next generation.
    func makeSnapshot(_ file: ConfigurationFile) -> DiscoverySnapshot {
        DiscoverySnapshot(
            file.resources, registryOnly: file.proxy.outbound.registryOnly, metricsPort: file.proxy.ports.metrics,
            workload: file.proxy.workload, names: resolver.names,
            isAwaited: state.isControlAwaited && file.resources.mesh.ranges.isEmpty,
            locality: file.proxy.locality, generation: snapshotGeneration + 1)
    }

    private func told(_ event: NameResolver.Event) {
        switch event {
        case .changed(let name, let resolved):
            let addresses = resolved.ipv4 + resolved.ipv6
            let first = addresses.prefix(8).map(\.description).joined(separator: " ")
            let more = addresses.count > 8 ? " and \(addresses.count - 8) more" : ""
            log.log(LogLine(.info, "name resolved", [("name", name.text), ("addresses", first + more)]))
            hasNewNames = true
        case .failed(let name, let reason, let hadAnswer):
            let problem = Problem(.nameLookupFailed, at: name.text, reason)
            let consequence = hadAnswer ? "the last good answer stays" : "its endpoints are missing"
            log.log(LogLine(.warn, "name not resolved; \(consequence)", problem))
        case .recovered(let name):
            log.log(LogLine(.info, "name resolved again", [("name", name.text)]))
        }
        if resolver.isSettled, state.isResolvingNames || pendingReload != nil { return namesDeadline() }
        guard hasNewNames, pendingReload == nil, !state.isResolvingNames else { return }
        loop.setDeadline(loop.now + Self.gathering, of: namesDue)
    }

    /// All names have been answered, or have had their time.
    private func namesDeadline() {
        state.isResolvingNames = false
        loop.setDeadline(.never, of: namesDue)
        if let reload = pendingReload {
            pendingReload = nil
            return reload.done(reload.begin())
        }
        guard hasNewNames else { return }
        hasNewNames = false
        let snapshot = makeSnapshot(state.file)
        snapshotGeneration = snapshot.generation
        dataPlane.use(renamed: snapshot)
    }
}
