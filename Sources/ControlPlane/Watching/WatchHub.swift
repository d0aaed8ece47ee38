// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ControlAPI
internal import Crypto
internal import LinuxSystem
package import MeshModel

/// Everybody who watches at this replica, and what each has been told.
///
/// ```
///   new state ──▶ every watch is to be looked at ──▶ next(): what has changed for it? ──▶ update n ──▶ acknowledged n
///                              ▲                                                             │
///                              └────────── while n is on its way, newer states only wait ────┘
/// ```
///
/// One update at a time is under way to a proxy; whatever happens meanwhile is in the next one. So a proxy that is slow costs
/// a place in a dictionary, and nobody else waits for it.
package actor WatchHub {
    private let replica: ResourceName
    private let session: String?
    private let sign: @Sendable (String) throws(Problem) -> Checkpoint
    private let now: @Sendable () -> WallTime
    private let heartbeatSeconds: Int
    private var telling: Telling
    /// There are other replicas, with proxies that this one does not hear.
    private let isShared: Bool
    private var trust: TrustTexts = [:]
    private var retired: TrustTexts = [:]
    private var denied = DeniedPeers()
    private var indexGeneration = 0
    private var deniedGeneration = 0
    /// Counts up with every change of the lists that everybody gets.
    private var commonGeneration = 0
    var watches: [String: Watch] = [:]
    /// What the newest revisions changed.
    private var changed: [(revision: UInt64, ids: Set<String>)] = []
    /// As the store has them, until their servers have seen the watches end.
    var registrations: [String: [UInt8]] = [:]
    /// Of what everybody is told.
    package private(set) var trustDigest = ""
    /// Counts up with everything that ``report(unless:)`` tells.
    private var changes: UInt64 = 0
    private var isClosing = false

    package init(
        replica: ResourceName, session: String? = nil, _ index: MeshIndex, isShared: Bool = false,
        heartbeatSeconds: Int = ControlProtocol.heartbeatSeconds,
        now: @escaping @Sendable () -> WallTime,
        sign: @escaping @Sendable (String) throws(Problem) -> Checkpoint
    ) {
        self.replica = replica
        self.session = session
        telling = Telling(index)
        self.isShared = isShared
        self.heartbeatSeconds = heartbeatSeconds
        self.sign = sign
        self.now = now
    }

    /// What a proxy said against an update.
    package struct Rejected: Hashable, Sendable {
        package let revision: UInt64
        package let reasons: [Acknowledgement.Rejection]
    }

    // MARK: What everybody is told

    /// `generation` counts up; what was overtaken by something newer on its way here is passed over.
    package func use(_ index: MeshIndex, generation: Int) {
        guard generation > indexGeneration else { return }
        indexGeneration = generation
        if index.state.revision > telling.goal.state.revision {
            let ids = telling.goal.state.changes(to: index.state).map(\.id.description)
            changed.append((index.state.revision, Set(ids)))
            if changed.count > Self.carriedMax { changed.removeFirst() }
        }
        telling.use(index)
        changes += 1
        tell()
    }

    /// Tells what may be told now; what has to wait for that is told when everybody has it, or after a second.
    private func tell() {
        let before = telling.step
        guard telling.advance(Array(watches.keys) + (isShared ? [Self.elsewhere] : [])) else { return }
        for id in watches.keys { touch(id) }
        let step = telling.step
        guard step != before, !telling.unconfirmed.isEmpty else { return }
        Task {
            if isShared {
                // Other replicas have begun the same step in the same moment.
                try? await Task.sleep(for: Self.patienceElsewhere)
                confirm(Self.elsewhere, step)
            }
            try? await Task.sleep(for: Self.patience)
            guard telling.step == step else { return }
            telling.giveUp()
            tell()
        }
    }

    /// Somebody has what was told in a step, or nothing of it is for him.
    private func confirm(_ id: String, _ step: Int) {
        if step == telling.step, telling.confirm(id), !telling.isComplete { tell() }
    }

    /// Chosen by us: acknowledgements take some milliseconds, and a proxy that is stuck holds nobody for long.
    private static let patience: Duration = .seconds(1)
    private static let patienceElsewhere: Duration = .milliseconds(400)
    /// Not the name of a watch.
    private static let elsewhere = "elsewhere"

    package func use(_ trust: TrustTexts, retired: TrustTexts = [:]) {
        guard trust != self.trust || retired != self.retired else { return }
        self.trust = trust
        self.retired = retired
        let text = [trust, retired].map { texts in
            texts.sorted { $0.key.name < $1.key.name }.map { "\($0.key) \($0.value)\n" }.joined()
        }.joined(separator: "\n")
        trustDigest = Hexadecimal.text(of: Array(SHA256.hash(data: Array(text.utf8))))
        commonChanged()
    }

    /// Cuts the watches of those who are denied now.
    package func use(_ denied: DeniedPeers, generation: Int) {
        guard generation > deniedGeneration else { return }
        deniedGeneration = generation
        guard denied != self.denied else { return }
        self.denied = denied
        for (id, watch) in watches where denied.holds(watch.identity, serial: watch.serial) { end(id) }
        commonChanged()
    }

    private func commonChanged() {
        commonGeneration += 1
        for id in watches.keys { touch(id) }
    }

    /// Something to be said to one proxy at once; false where it is not connected here.
    @discardableResult
    package func send(_ message: WatchMessage, to workload: ResourceReference) -> Bool {
        let ids = watches.filter { $0.value.workload == workload }.keys
        for id in ids {
            watches[id]?.messages.append(message)
            wake(id)
        }
        return !ids.isEmpty
    }

    /// Tells a proxy that what it said, up to that number, was taken up; once, where it says more than it reads.
    package func heard(_ number: UInt64, of id: String) {
        watches[id]?.messages.removeAll { if case .heard = $0 { true } else { false } }
        watches[id]?.messages.append(.heard(number))
        wake(id)
    }

    package func sendToAll(_ message: WatchMessage) {
        for id in watches.keys {
            watches[id]?.messages.append(message)
            wake(id)
        }
    }

    /// As often as was said in the welcome.
    package func heartbeat() {
        let message = WatchMessage.heartbeat(now())
        for (id, watch) in watches where watch.messages.isEmpty && watch.waiter != nil {
            watches[id]?.messages.append(message)
            wake(id)
        }
    }

    // MARK: One watch

    /// Begins a watch; its name. The caller has proved `identity`.
    package func open(_ request: WatchRequest, identity: SPIFFEID, serial: String) throws(Problem) -> String {
        guard !isClosing else { throw Problem(.controlClosing, "this replica is ending", remedy: "ask another one") }
        guard !denied.holds(identity, serial: serial) else { throw Problem(.identityDenied, "\(identity) is denied") }
        // A process has one watch: an older one of it is a connection that we have not yet seen die.
        for (id, watch) in watches where watch.workload == request.workload && watch.instance == request.instance {
            end(id)
        }
        var random = KernelRandom()
        let id = Hexadecimal.text(of: (0..<16).map { _ in UInt8.random(in: 0...255, using: &random) })
        let have = request.have.flatMap { $0.revision <= telling.goal.state.revision ? $0 : nil }
        changes += 1
        let welcome = WatchMessage.Welcome(
            watch: id, replica: replica.text, time: now(), heartbeatSeconds: heartbeatSeconds)
        watches[id] = Watch(
            workload: request.workload, instance: request.instance, identity: identity, serial: serial, since: now(),
            version: request.version,
            registration: Registration(request, identity: identity, replica: replica, since: now(), session: session),
            isRegistrationDue: !request.addresses.isEmpty && !request.isLeaving, wants: request.wants,
            sent: have?.digests ?? [:], sentRevision: have?.revision ?? 0, held: have?.revision, commonSent: -1,
            isWholeDue: have == nil, messages: [.welcome(welcome)])
        return id
    }

    /// What is to be said next; waits until there is something. Nil: the watch is over.
    package func next(_ id: String) async -> WatchMessage? {
        while let watch = watches[id] {
            if !watch.messages.isEmpty { return watches[id]?.messages.removeFirst() }
            if watch.isLast { return nil }
            if let update = nextUpdate(id) { return .update(update) }
            if Task.isCancelled { return nil }
            // That this one has all that was told may have been what the next step waited for.
            if let watch = watches[id], watch.isDirty, watch.underway == nil { continue }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    // Whoever is cancelled from here on is woken below.
                    watches[id]?.waiter = continuation
                    if watches[id] == nil { continuation.resume() }
                }
            } onCancel: {
                Task { await self.wake(id) }
            }
        }
        return nil
    }

    /// Ends a watch, for its server or because of who it is.
    package func end(_ id: String) {
        guard let watch = watches.removeValue(forKey: id) else { return }
        changes += 1
        watch.waiter?.resume()
        confirm(id, telling.step)
    }

    /// Tells everybody to go elsewhere.
    package func close() {
        isClosing = true
        sendAway("this replica is ending")
    }

    /// Tells everybody here to go elsewhere, and forgets their watches.
    package func sendAway(_ reason: String) {
        for id in watches.keys {
            watches[id]?.messages.append(.goodbye(reason: reason))
            watches[id]?.isLast = true
            wake(id)
        }
    }

    /// What the store is to be told of a watch's proxy, once; nil where it has been, or the watch is over.
    func registrationDue(of id: String) -> (key: String, value: [UInt8])? {
        guard let watch = watches[id], watch.isRegistrationDue else { return nil }
        watches[id]?.isRegistrationDue = false
        let value = watch.registration.encode()
        registrations[id] = value
        return (StoreKeys.proxy(watch.workload, instance: watch.instance), value)
    }

    /// What the store has been told, for whoever takes that back.
    package func takeRegistration(of id: String) -> [UInt8]? { registrations.removeValue(forKey: id) }

    /// What a proxy says of an update; false where there is no such watch of his.
    package func acknowledge(_ id: String, _ acknowledgement: Acknowledgement, by identity: SPIFFEID) -> Bool {
        guard var watch = watches[id], watch.identity == identity else { return false }
        guard acknowledgement.sequence == watch.underway else { return true }
        watch.underway = nil
        if acknowledgement.rejected.isEmpty {
            watch.acknowledgedRevision = acknowledgement.revision
            watch.commonAcknowledged = watch.commonSent
            watch.rejection = nil
        } else {
            watch.rejection = Rejected(revision: acknowledgement.revision, reasons: acknowledgement.rejected)
            // It has kept all that it had; what is sent next builds on that no more.
            watch.isWholeDue = true
        }
        watches[id] = watch
        changes += 1
        confirm(id, watch.step)
        wake(id)
        return true
    }

    /// A proxy speaks for its watch with a certificate; true if it is another than before.
    package func notes(_ serial: String, of id: String, by identity: SPIFFEID) -> Bool {
        guard let watch = watches[id], watch.identity == identity, watch.serial != serial else { return false }
        watches[id]?.serial = serial
        changes += 1
        if denied.holds(identity, serial: serial) { end(id) }
        return true
    }

    /// What a proxy asks for from now on; false where there is no such watch of his.
    package func want(_ id: String, _ wants: Wants, by identity: SPIFFEID) -> Bool {
        guard watches[id]?.identity == identity else { return false }
        watches[id]?.wants = wants
        watches[id]?.mustAnswer = true
        touch(id)
        return true
    }

    private func touch(_ id: String) {
        watches[id]?.isDirty = true
        changes += 1
        wake(id)
    }

    private func wake(_ id: String) {
        let waiter = watches[id]?.waiter
        watches[id]?.waiter = nil
        waiter?.resume()
    }

    // MARK: Updates

    /// The update that is due; nil where there is nothing to say, or one is still under way.
    private func nextUpdate(_ id: String) -> Update? {
        guard var watch = watches[id], watch.isDirty, watch.underway == nil else { return nil }
        if telling.isComplete { watch.isAhead = false }
        let index = watch.isAhead ? telling.goal : telling.told
        let selection = Selection(index, for: watch.workload, watch.wants, own: watch.registration)
        let target = Dictionary(selection.texts.map { ($0.key.description, $0.value.digest) }) { first, _ in first }
        // A revision that was rejected is not sent again before there is another one.
        let isStuck = watch.isWholeDue && watch.rejection != nil && target == watch.target
        watch.isDirty = false
        changes += 1
        let revision = index.state.revision
        let isConcerned = watch.evaluated == 0 || concerns(watch, target)
        watch.target = target
        watch.evaluated = watch.isAhead ? revision : telling.completeRevision
        let isCommonDue = watch.commonSent != commonGeneration
        guard !isStuck, watch.isWholeDue || target != watch.sent || isCommonDue || watch.mustAnswer else {
            watches[id] = watch
            confirm(id, telling.step)
            return nil
        }
        watch.sequence += 1
        watch.step = telling.step
        if isConcerned {
            watch.carried.removeAll { $0.revision == revision }
            watch.carried.append((revision, watch.sequence))
            if watch.carried.count > Self.carriedMax { watch.carried.removeFirst() }
        }
        var update = Update(sequence: watch.sequence, revision: revision, isWhole: watch.isWholeDue)
        let sent = watch.isWholeDue ? [:] : watch.sent
        update.resources = selection.texts.values.filter { sent[$0.id] != $0.digest }.sorted { $0.id < $1.id }
        update.removed = sent.keys.filter { target[$0] == nil }.sorted()
        update.unknown = selection.unknown
        if isCommonDue || watch.isWholeDue {
            update.namespaces = index.namespaces
            update.trust = trust
            update.retired = retired
            update.denied = denied
        }
        let contents = Checkpoint.Contents(proxy: watch.workload, revision: revision, time: now(), digests: target)
        update.checkpoint = try? sign(String(decoding: contents.encode(), as: UTF8.self))
        watch.sent = target
        watch.sentRevision = revision
        watch.underway = watch.sequence
        watch.commonSent = commonGeneration
        watch.isWholeDue = false
        watch.mustAnswer = false
        watches[id] = watch
        return update
    }

    private static let carriedMax = 32

    /// True if the revisions since this watch was looked at last changed something that it has, had, or gets. Who is told of a
    /// new endpoint at the same time is not concerned by that.
    private func concerns(_ watch: Watch, _ target: [String: ResourceDigest]) -> Bool {
        changed.contains { revision, ids in
            revision > watch.evaluated && ids.contains { target[$0] != nil || watch.target[$0] != nil }
        }
    }

    // MARK: Being asked

    /// How far a revision has come among those who watch here.
    package func progress(of revision: UInt64) -> RevisionProgress {
        var progress = RevisionProgress()
        for watch in watches.values {
            if watch.hadBrought(revision, into: &progress) { continue }
            let name = watch.workload.description
            guard watch.evaluated >= revision else {
                // Whether it changes anything here is not known yet.
                progress.late.append(name)
                continue
            }
            guard let carrier = watch.carried.first(where: { $0.revision >= revision }) else { continue }
            progress.concerned += 1
            if let rejection = watch.rejection, rejection.revision >= revision {
                progress.rejected.append(RevisionProgress.Rejection(proxy: name, reasons: rejection.reasons))
            } else if let underway = watch.underway, underway <= carrier.sequence {
                progress.late.append(name)
            } else {
                progress.acknowledged += 1
            }
        }
        progress.concerned = max(
            progress.concerned, progress.late.count + progress.acknowledged + progress.rejected.count)
        return progress
    }

    /// What other replicas are told of the proxies here; nil where nothing has changed since that count of changes.
    func report(unless told: UInt64?) -> (count: UInt64, report: ReplicaReport?) {
        guard told != changes else { return (changes, nil) }
        var report = ReplicaReport()
        let names = ReplicaReport.names
        let newest = Set(changed.suffix(ReplicaReport.revisions - 1).map(\.revision) + [telling.goal.state.revision])
        report.progress = newest.sorted().map {
            ReplicaReport.Step(revision: $0, progress: progress(of: $0).shortened(to: names))
        }
        report.trust = trustDigest
        report.behindTrust = behindTrust.prefix(names).map(\.description)
        report.behind = watches.values.filter { !$0.isSynced }.prefix(names).map(\.instance)
        return (changes, report)
    }

    /// Workloads that have not acknowledged the newest roots.
    package var behindTrust: [ResourceReference] {
        watches.values.filter { $0.commonAcknowledged < commonGeneration }.map(\.workload)
    }

    /// The documents that a proxy has been told, or would be told now.
    package func documents(of workload: ResourceReference) -> [ResourceText]? {
        guard let watch = watches.values.first(where: { $0.workload == workload }) else { return nil }
        let selection = Selection(telling.goal, for: workload, watch.wants, own: watch.registration)
        return selection.texts.values.sorted { $0.id < $1.id }
    }

    package var count: Int { watches.count }
}
