// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import ControlAPI
internal import HTTPCodec
internal import LinuxSystem
package import MeshModel
package import Reactor
package import TLSSession

/// The way from a proxy to its control plane: one connection on which is told what changes, and on which the proxy says what
/// it has to say, where the control plane has agreed to leave HTTP there. Where it has not, what the proxy says is posted on a
/// connection beside it. Lives on the control thread; what is told means nothing to it.
///
/// ```
///   waiting ─▶ connecting ─▶ asked ─▶ watching ──┐
///      ▲            │           │        │       │ .welcome, and then every message
///      └── jitter ──┴───────────┴────────┘◀──────┘
/// ```
/// Whatever goes wrong, the next address is tried, after a random time up to 0.1 s, doubling up to 5 s. A control plane
/// that is away, or that sends nonsense, costs a line in the log: traffic goes on with what is known.
package final class ControlLink {
    package enum Event {
        /// The first message of a watch.
        case connected(SocketAddress, WatchMessage.Welcome)
        case message(WatchMessage)
        /// The watch, or the attempt to begin one, has ended; `isNew` is false for what was told before.
        case lost(Problem, isNew: Bool)
    }

    private enum Phase {
        case waiting
        case connecting
        case asked
        /// The head has come, the first message not yet.
        case answered
        case watching
        case stopped
    }

    private static let firstBackoff = Duration.milliseconds(100)
    /// Half of what a control plane that comes back waits for those who were connected to it.
    private static let longestBackoff = Duration.seconds(5)
    /// How long the first message may take.
    private static let welcomeTimeout = Duration.seconds(10)
    /// A watch that lasted so long was a good one: the next attempt does not count as a further failure.
    private static let goodWatch = Duration.seconds(5)
    private static let errorBodyMax = 64 << 10

    private let loop: EventLoop
    private let addresses: ControlAddresses
    private let staging = TLSStaging()
    /// What to say at the beginning of a watch.
    package var greet: () -> WatchRequest? = { nil }
    /// Called from the loop.
    package var tell: (Event) -> Void = { _ in }

    private let alarm = Alarm()
    private var context: TLSContext?
    private var phase = Phase.waiting
    private var connection: ControlConnection?
    private var address: SocketAddress?
    private var splitter = LineSplitter()
    private var errorStatus: Int?
    private var errorBody: [UInt8] = []
    private var silence = ControlProtocol.silence
    private var watchingSince: Instant?
    private var failures = 0
    private var lastProblem: ErrorCode?
    private var random: FastRandom
    private var posts: PostQueue?
    /// Nil where the control plane hears only what is posted.
    private var speech: WatchSpeech?
    private var hasSwitched = false
    /// The last one of this watch.
    private var acknowledged: Acknowledgement?
    package private(set) var watch: WatchMessage.Welcome?

    package init(_ loop: EventLoop, _ settings: ControlSettings) {
        self.loop = loop
        addresses = ControlAddresses(settings, on: loop)
        var seed = KernelRandom()
        random = FastRandom(seed: seed.next())
        loop.add(alarm)
        alarm.body = { [unowned self] in deadline() }
        addresses.changed = { [unowned self] in if phase == .waiting { loop.setDeadline(loop.now, of: alarm) } }
    }

    package var isConnected: Bool { phase == .watching }

    /// How often in a row no watch could be begun.
    package var failedAttempts: Int { failures }

    /// Shows this identity from the next connection on, which begins at once where there is none.
    package func use(_ material: IdentityMaterial) throws(Problem) {
        let newest = try TLSContext(material, staging: staging, for: .controlPlane)
        context = newest
        posts?.use(newest)
        if phase == .waiting { loop.setDeadline(loop.now, of: alarm) }
    }

    package func use(_ settings: ControlSettings) { addresses.use(settings) }

    /// Ends it for good.
    package func stop() {
        end()
        phase = .stopped
        loop.setDeadline(.never, of: alarm)
    }

    /// Gives the watch up and begins another.
    package func restart(_ problem: Problem) { lose(problem) }

    // MARK: What the proxy says

    /// Beside the watch under way; without one there is nobody to tell, and the next one begins with all of it. `answered` is
    /// called from the loop when the control plane knows of it, and not where it will not.
    package func acknowledge(_ acknowledgement: Acknowledgement, answered: @escaping () -> Void = {}) {
        guard let watch else { return }
        acknowledged = acknowledgement
        if let speech {
            speech.say(.acknowledge(acknowledgement)) { [unowned self] in said($0, answered) }
        } else {
            post(ControlProtocol.acknowledgePath(watch.watch), acknowledgement, answered)
        }
    }

    /// Says once more what was said last, over a connection that shows the identity in force now, which the watch's does not:
    /// by that the control plane knows that nobody meets the one before any more.
    package func showIdentity() {
        guard let acknowledged, let watch else { return }
        post(ControlProtocol.acknowledgePath(watch.watch), acknowledged)
    }

    package func say(_ wants: Wants) {
        guard let watch else { return }
        if let speech {
            speech.say(.wants(wants)) { [unowned self] in said($0) }
        } else {
            post(ControlProtocol.wantsPath(watch.watch), wants)
        }
    }

    package func askForCertificate(
        _ request: CertificateRequestMessage, _ completion: @escaping (Result<CertificateAnswer, Problem>) -> Void
    ) {
        guard let posts, isConnected else {
            return completion(.failure(Problem(.controlUnreachable, "there is no connection to a control plane")))
        }
        posts.add(ControlProtocol.certificatesPath, request.encode()) { result in
            completion(
                result.flatMap { body in
                    Result { () throws(Problem) in try CertificateAnswer.decode(body) }
                })
        }
    }

    private func post(_ path: String, _ message: some ControlMessage, _ answered: @escaping () -> Void = {}) {
        posts?.add(path, message.encode()) { [unowned self] result in said(result.map { _ in }, answered) }
    }

    private func said(_ result: Result<Void, Problem>, _ answered: () -> Void = {}) {
        switch result {
        case .success: answered()
        case .failure(let problem):
            // The control plane has forgotten the watch, or cannot be told: another watch says everything anew.
            if watch != nil { lose(problem) }
        }
    }

    // MARK: The watch

    private func deadline() {
        switch phase {
        case .waiting: connect()
        case .connecting, .stopped: break
        case .asked, .answered, .watching:
            let text = "nothing has been heard of it for \(DurationText.text(silence))"
            lose(Problem(.controlSilent, at: address.map { "\($0)" }, text))
        }
    }

    private func connect() {
        guard let context else { return }
        guard let address = addresses.take() else {
            return lose(Problem(.controlUnreachable, at: "spec.control.addresses", "no name of it has an address"))
        }
        phase = .connecting
        self.address = address
        connection = ControlConnection(loop, context, address) { [unowned self] event in handle(event) }
    }

    private func handle(_ event: ControlConnection.Event) {
        switch event {
        case .opened: ask()
        case .head(let response):
            guard !response.isInterim else { return }
            phase = .answered
            hasSwitched = response.status == 101 && response.upgrade == ControlProtocol.conversation
            errorStatus = response.status == 200 || hasSwitched ? nil : response.status
        case .body(let bytes):
            if errorStatus != nil {
                errorBody += bytes.prefix(max(0, Self.errorBodyMax - errorBody.count))
            } else {
                take(bytes)
            }
        case .end:
            guard let errorStatus else {
                return lose(Problem(.controlUnreachable, at: address.map { "\($0)" }, "it has ended the watch"))
            }
            lose(PostQueue.refusal(errorStatus, errorBody, at: address))
        case .closed(let problem):
            connection = nil
            lose(problem)
        }
    }

    private func ask() {
        guard let request = greet(), let address else { return }
        phase = .asked
        splitter = LineSplitter()
        silence = Self.welcomeTimeout
        heard()
        var body = request.encode()
        if body.count > ControlProtocol.requestBytes {
            // A proxy that holds thousands of documents is told all of them again.
            var short = request
            short.have = nil
            body = short.encode()
        }
        var head = HTTPRequest(method: "POST", authority: "\(address)", target: ControlProtocol.watchPath)
        head.body = .length(UInt64(body.count))
        head.upgrade = ControlProtocol.conversation
        connection?.send(head, body)
    }

    private func heard() { loop.setDeadline(loop.now + silence, of: alarm) }

    private func take(_ bytes: ArraySlice<UInt8>) {
        heard()
        do throws(Problem) {
            for line in try splitter.lines(in: bytes) {
                let message = try WatchMessage.decode(line)
                // What was told before may have ended the watch.
                guard phase == .answered || phase == .watching else { return }
                try take(message)
            }
        } catch {
            lose(
                Problem(
                    error.code, at: address.map { "\($0)" },
                    [error.place, error.message].compactMap(\.self).joined(separator: " ")))
        }
    }

    private func take(_ message: WatchMessage) throws(Problem) {
        guard phase == .watching else {
            guard case .welcome(let welcome) = message, let address, let context else {
                throw Problem(.controlMessage, "the first message is not a welcome")
            }
            guard ControlProtocol.understoodVersions.contains(welcome.protocolVersion) else {
                throw Problem(.controlMessage, "it speaks protocol \(welcome.protocolVersion)")
            }
            phase = .watching
            watch = welcome
            watchingSince = loop.now
            silence = min(ControlProtocol.silence, .seconds(3 * max(1, welcome.heartbeatSeconds)))
            heard()
            lastProblem = nil
            posts = PostQueue(loop, context, address, keepsConnection: !hasSwitched)
            if hasSwitched { speech = WatchSpeech(loop) { [unowned self] in connection?.say($0) } }
            return tell(.connected(address, welcome))
        }
        switch message {
        case .welcome: throw Problem(.controlMessage, "a second welcome")
        case .goodbye(let reason):
            lose(Problem(.controlUnreachable, at: address.map { "\($0)" }, "it says goodbye: \(reason)"))
        case .heard(let number):
            guard let speech else { throw Problem(.controlMessage, "it has heard what was not said") }
            try speech.heard(number)
        case .heartbeat, .unknown: break
        case .update, .logLevel, .renew: tell(.message(message))
        }
    }

    private func end() {
        connection?.close()
        connection = nil
        let (posts, speech) = (posts, speech)
        (self.posts, self.speech) = (nil, nil)
        watch = nil
        hasSwitched = false
        posts?.close()
        speech?.close(Problem(.controlUnreachable, at: address.map { "\($0)" }, "the watch has ended"))
        acknowledged = nil
        errorStatus = nil
        errorBody = []
    }

    private func lose(_ problem: Problem) {
        guard phase != .stopped, phase != .waiting || watch == nil else { return }
        let wasGood = watchingSince.map { loop.now - $0 >= Self.goodWatch } ?? false
        watchingSince = nil
        let wasWatching = phase == .watching
        end()
        phase = .waiting
        failures = wasGood ? 1 : failures + 1
        // All addresses are tried before the wait grows.
        let round = failures / max(1, addresses.count)
        let longest = min(Self.longestBackoff, Self.firstBackoff * (1 << min(round, 10)))
        let wait = longest * Double.random(in: 0...1, using: &random)
        loop.setDeadline(loop.now + max(.milliseconds(1), wait), of: alarm)
        let isNew = wasWatching || problem.code != lastProblem
        lastProblem = problem.code
        tell(.lost(problem, isNew: isNew))
    }

    private final class Alarm: EventHandler {
        var body: () -> Void = {}

        override func deadlineReached(now: Instant) { body() }
    }
}
