// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import ControlLink
internal import DataPlane
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import ResourceDocuments
internal import TLSSession
internal import Telemetry

/// What a proxy does with its control plane: puts in force what it says, asks it for what the workload wants, renews the
/// identity. Lives on the control thread, beside ``ProxyRuntime``, whose ways of putting things in force it uses.
final class ControlClient {
    unowned let runtime: ProxyRuntime
    let link: ControlLink
    let snapshotFile: SnapshotFile
    let identityDirectory: IdentityDirectory
    let pendingKey: PendingKey
    /// Made for the first certificate that has expired: its names need not be kept resolved before.
    var joinLink: JoinLink?
    /// Nil while there is a certificate that holds, or none at all.
    var grace: Grace?
    let graceAlarm = ProxyRuntime.Alarm()
    /// In force.
    var mesh: ControlledMesh
    /// Updates that wait for the one before; the control plane sends one at a time.
    var waiting: [Update] = []
    var isApplying = false
    var wants: WantList
    /// Where connections went since it was last looked at.
    var usedAddresses: Set<IPAddress> = []
    private var greetedAddresses: [IPAddress] = []
    var nameWaiters: [ServiceName: [NameWaiter]] = [:]
    var counts = Counts()
    var schedule: RenewalSchedule?
    var isRenewing = false
    var wasOverdue = false
    let renewal = ProxyRuntime.Alarm()
    var random: FastRandom
    /// Tells two processes of one name apart.
    private let instance: String
    private(set) var lastProblem: Problem?
    /// What is lost now is lost by our own wish.
    private var isBeginningAnew = false
    private(set) var replica: String?
    static let waitingMax = 8

    struct Counts {
        var updates: (accepted: UInt64, rejected: UInt64) = (0, 0)
        var renewals: (done: UInt64, failed: UInt64) = (0, 0)
    }

    init(_ runtime: ProxyRuntime, _ settings: ControlSettings, _ start: ControlStart) {
        self.runtime = runtime
        let directory = runtime.state.file.proxy.stateDirectory
        link = ControlLink(runtime.loop, settings)
        snapshotFile = SnapshotFile(in: directory)
        identityDirectory = IdentityDirectory(in: directory)
        pendingKey = PendingKey(in: directory)
        mesh = start.mesh
        wants = WantList(start.wants, now: runtime.loop.now)
        var kernel = KernelRandom()
        var text: [UInt8] = []
        Hexadecimal.append(kernel.next(), digits: 16, to: &text)
        instance = String(decoding: text, as: UTF8.self)
        random = FastRandom(seed: kernel.next())
        lastProblem = start.problem
        link.greet = { [unowned self] in greeting }
        link.tell = { [unowned self] event in handle(event) }
        renewal.body = { [unowned self] in renewalDue() }
        runtime.loop.add(renewal)
        graceAlarm.body = { [unowned self] in graceDue() }
        runtime.loop.add(graceAlarm)
        if let problem = start.problem {
            runtime.log.log(LogLine(.warn, "the snapshot on disk is not used", problem))
        } else if !start.isAwaited {
            runtime.log.log(
                LogLine(
                    .info, "snapshot in force",
                    [("revision", String(mesh.revision)), ("documents", String(mesh.documents.count))]))
        }
    }

    var isConnected: Bool { link.isConnected }

    /// Begins, once there is an identity; takes another one for what is dialled from now on.
    func use(_ material: IdentityMaterial) {
        do throws(Problem) {
            try link.use(material)
        } catch {
            runtime.log.log(LogLine(.error, "the identity cannot be shown to the control plane", error))
        }
        scheduleRenewal(material)
        endGrace(material)
        // Every thread answers behind the identity that it was given.
        runtime.collector.ask { [unowned self] _ in link.showIdentity() }
    }

    /// Where it is has changed.
    func use(_ settings: ControlSettings) {
        link.use(settings)
        joinLink?.use(settings)
    }

    /// Every ten seconds.
    func tick() {
        noteUses()
        if wants.expire(now: runtime.loop.now) { link.say(wants.wants) }
        lookWhetherOverdue()
        lookWhetherExpired()
    }

    private var greeting: WatchRequest? {
        let proxy = runtime.state.file.proxy
        let unmeshed = proxy.capture.inbound.ports.skip.flatMap { range in
            // A range of a thousand ports is not a list of them.
            range.upper.number - range.lower.number < 256
                ? (range.lower.number...range.upper.number).compactMap { Port($0) } : []
        }
        wants.forgetAnswers()
        greetedAddresses = announcedAddresses
        var request = WatchRequest(
            workload: proxy.workload, instance: instance,
            addresses: greetedAddresses,
            unmeshedPorts: Set(unmeshed).sorted(), locality: proxy.locality?.description, have: mesh.holdings,
            wants: wants.wants)
        request.isLeaving = runtime.state.isDraining
        return request
    }

    /// The proxy drains: whoever calls its workload is to go elsewhere before it ends.
    func leaves() {
        guard isConnected else { return }
        beginAnew(because: "this proxy ends")
    }

    /// The addresses at which others may reach the workload.
    private var announcedAddresses: [IPAddress] {
        let all = (try? OwnAddresses.all()) ?? []
        return all.filter { !$0.isLoopback && !$0.isLinkLocal && !$0.isMulticast && !$0.isUnspecified }
            .sorted { $0.description < $1.description }.prefix(ControlProtocol.ownAddresses).map(\.self)
    }

    /// Others are told where the workload is by what was said in the greeting.
    func addressesChanged() {
        guard isConnected, announcedAddresses != greetedAddresses else { return }
        beginAnew(because: "the addresses of this host have changed")
    }

    /// Gives the watch up for one that begins with what is true now. Nothing is wrong, and nobody is to be alarmed.
    private func beginAnew(because reason: String) {
        isBeginningAnew = true
        link.restart(Problem(.controlUnreachable, "\(reason), which a new watch tells"))
        isBeginningAnew = false
    }

    /// A clock that is wrong is found out long before certificates seem not to be valid yet, or to have expired.
    private func compareClocks(_ time: WallTime) {
        let ahead = WallTime.now().seconds - time.seconds
        guard abs(ahead) > 60 else { return }
        let amount = DurationText.text(.seconds(abs(ahead)))
        runtime.log.log(
            LogLine(
                .warn, "this machine's clock and the control plane's differ",
                [("clock", "\(amount) \(ahead > 0 ? "ahead" : "behind")")]))
    }

    private func handle(_ event: ControlLink.Event) {
        switch event {
        case .connected(let address, let welcome):
            lastProblem = nil
            runtime.state.controlProblem = nil
            replica = welcome.replica
            // What could not be had while it was away.
            if schedule?.failures ?? 0 > 0 { renewSoon() }
            runtime.log.log(
                LogLine(
                    .info, "control plane connected",
                    [("address", address.description), ("replica", welcome.replica)]))
            compareClocks(welcome.time)
        case .lost(let problem, let isNew):
            lastProblem = problem
            runtime.state.controlProblem = problem
            waiting = []
            let line = LogLine(
                isNew && !isBeginningAnew ? .warn : .debug, "control plane lost; what is known stays", problem)
            runtime.log.log(line)
        case .message(.update(let update)): take(update)
        case .message(.logLevel(let level)):
            runtime.log.log(LogLine(.info, "log level set by the control plane", [("level", level.rawValue)]))
            runtime.setLogLevel(level)
        case .message(.renew): renewSoon()
        case .message: break
        }
    }
}
