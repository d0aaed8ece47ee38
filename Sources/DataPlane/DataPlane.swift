// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ConnectionStates
package import Discovery
internal import LinuxSystem
package import MeshModel
internal import Reactor
internal import Synchronization
package import TLSSession

/// The data path as a whole: starts the threads, hands them what changes, gathers what they tell. Every function may be
/// called from any thread, and all but ``stop()`` return at once.
package final class DataPlane {
    /// What is listened on, as far as the families of this host allow.
    package let bindings: [(direction: String, address: SocketAddress)]
    /// What is bound for gateways. Only the control thread changes the snapshot.
    private var gateways: Set<SocketAddress>
    private let mailboxes: [Mailbox<DataThreadMessage>]
    private var threads: [RunningThread] = []

    /// Binds every listener and starts the threads. Nothing runs if anything fails. `ask` is called on a data thread for an
    /// address of the mesh that the snapshot does not know; an answer is a snapshot that does, or ``use(unknown:)``.
    package init(
        settings: DataPlaneSettings, snapshot: DiscoverySnapshot, gateways certificates: GatewayMaterial,
        ownAddresses: Set<IPAddress>, reports: ReportSink, ask: (@Sendable (IPAddress) -> Void)? = nil
    ) throws(Problem) {
        let count = max(1, settings.proxy.dataThreads)
        var sockets = try ListeningSocket.bind(settings)
        let ofGateways = try ListeningSocket.bindGateways(snapshot.gateways.addresses, beside: [], settings)
        for index in 0..<count { sockets[index] += ofGateways.values.map { $0[index] } }
        gateways = Set(ofGateways.keys)
        bindings = sockets[0].map { ($0.role.name, $0.address) }
        do throws(SystemError) {
            var mailboxes: [Mailbox<DataThreadMessage>] = []
            for _ in 0..<count { mailboxes.append(try Mailbox()) }
            self.mailboxes = mailboxes
            let all = mailboxes
            for index in 0..<count {
                let (mailbox, listening) = (mailboxes[index], HandedSockets(sockets[index]))
                let thread = try WorkerThread(name: "weft-data-\(index)") {
                    runDataThread(index, settings, snapshot, ownAddresses, reports, ask, mailbox, listening) {
                        message in
                        for mailbox in all { mailbox.send(message) }
                    }
                }
                threads.append(RunningThread(thread))
            }
        } catch {
            throw Problem(.listenFailed, "the data path cannot start: \(error)")
        }
        use(certificates)
    }

    package func use(_ settings: DataPlaneSettings) { tell(.settings(settings)) }

    /// Binds what the gateways of a snapshot need beside what is bound, and hands it over, after the settings that belong
    /// to it. Where something cannot be bound, nothing changes. To be called from one thread only.
    package func use(
        _ settings: DataPlaneSettings, _ snapshot: DiscoverySnapshot, _ certificates: GatewayMaterial
    ) throws(Problem) {
        let wanted = snapshot.gateways.addresses
        let sockets = try ListeningSocket.bindGateways(wanted, beside: gateways, settings)
        gateways = gateways.intersection(wanted).union(sockets.keys)
        for (index, mailbox) in mailboxes.enumerated() {
            mailbox.send(.settings(settings))
            mailbox.send(.gateways(certificates))
            mailbox.send(.snapshot(snapshot, sockets.values.map { $0[index] }))
        }
    }

    /// Hands over a snapshot of the resources that are in force, with other addresses behind their names.
    package func use(renamed snapshot: DiscoverySnapshot) { tell(.snapshot(snapshot, [])) }

    package func use(_ material: IdentityMaterial) { tell(.identity(material)) }

    /// The identity does not hold any more: what needs one waits for the next. Sessions that are open go on.
    package func forgetIdentity() { tell(.identityExpired) }
    package func use(_ certificates: GatewayMaterial) { tell(.gateways(certificates)) }
    package func use(_ pressure: MemoryPressure) { tell(.memory(pressure)) }
    /// Nobody has these addresses, says the control plane: connections that wait for them wait no more.
    package func use(unknown addresses: Set<IPAddress>) { tell(.unknown(addresses)) }
    package func use(ownAddresses: Set<IPAddress>) { tell(.ownAddresses(ownAddresses)) }

    /// Asks every thread what it knows; `answer` is called once per thread, on that thread. What it is told of requests is
    /// told but once, and must be added to what was told before.
    package func report(_ detail: ReportDetail, _ answer: @escaping @Sendable (ThreadReport) -> Void) {
        tell(.report(detail, answer))
    }

    package var threadCount: Int { mailboxes.count }

    /// Begins to drain; `done` is called once per thread, on that thread, when it has nothing left or the deadline came.
    package func drain(_ settings: DrainSettings, _ done: @escaping @Sendable (_ wasClean: Bool) -> Void) {
        tell(.drain(settings, done))
    }

    /// Ends every connection now, with this outcome.
    package func cut(_ outcome: ErrorCode) { tell(.cut(outcome)) }

    /// Ends the threads and waits for them. What is still open is reset.
    package func stop() {
        tell(.stop)
        for thread in threads { thread.join() }
        threads = []
    }

    private func tell(_ message: DataThreadMessage) {
        for mailbox in mailboxes { mailbox.send(message) }
    }
}

/// Sockets on their way to the thread that owns them from then on. What starts a thread lives as long as it does: sockets
/// that it held would stay open when their listeners close.
private final class HandedSockets: Sendable {
    private let sockets: Mutex<[ListeningSocket]>

    init(_ sockets: [ListeningSocket]) { self.sockets = Mutex(sockets) }

    func take() -> [ListeningSocket] {
        sockets.withLock { sockets in
            defer { sockets = [] }
            return sockets
        }
    }
}

/// A thread in an array, to be joined once.
private final class RunningThread {
    private var thread: WorkerThread?

    init(_ thread: consuming WorkerThread) { self.thread = consume thread }

    func join() { thread.take()?.join() }
}

/// The life of a data thread.
private func runDataThread(
    _ index: Int, _ settings: DataPlaneSettings, _ snapshot: DiscoverySnapshot, _ ownAddresses: Set<IPAddress>,
    _ reports: ReportSink, _ ask: (@Sendable (IPAddress) -> Void)?, _ mailbox: Mailbox<DataThreadMessage>,
    _ sockets: HandedSockets,
    tellAll: @escaping @Sendable (DataThreadMessage) -> Void
) {
    do throws(SystemError) {
        let thread = try DataThread(
            index: index, settings: settings, snapshot: snapshot, ownAddresses: ownAddresses, reports: reports, ask: ask
        )
        try mailbox.receive(on: thread.loop) { message in thread.handle(message) }
        for socket in sockets.take() { thread.listeners.append(try Listener(thread, socket)) }
        if index == 0 {
            let checker = HealthChecker(thread, tellAll)
            thread.checker = checker
            checker.use(snapshot)
        }
        try thread.loop.run()
    } catch {
        // An epoll instance and its registrations: without them there is no proxy, and a supervisor starts another.
        preconditionFailure("A data thread cannot run: \(error).")
    }
}
