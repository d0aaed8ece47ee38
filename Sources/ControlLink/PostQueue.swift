// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import HTTPCodec
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import TLSSession

/// What a proxy says beside its watch, one request after the other, to the replica that the watch is with. Their connection
/// is kept where a control plane hears everything by it, and else ends with the last of them: it is needed once a day. A
/// request whose connection was lost is sent again: each of them may be said twice.
final class PostQueue {
    private struct Post {
        let path: String
        let body: [UInt8]
        let completion: (Result<[UInt8], Problem>) -> Void
        var attempts = 0
    }

    private static let timeout = Duration.seconds(10)
    private static let attemptsMax = 3
    /// Acknowledgements, wants and one certificate: never many at once.
    private static let waitingMax = 64

    private let loop: EventLoop
    private let address: SocketAddress
    private let keepsConnection: Bool
    private var context: TLSContext?
    /// The connection shows an identity that is not the newest any more.
    private var isStale = false
    private let alarm = Alarm()
    private var waiting: [Post] = []
    private var current: Post?
    private var connection: ControlConnection?
    private var status = 0
    private var persists = true
    private var body: [UInt8] = []
    private var isClosed = false

    init(_ loop: EventLoop, _ context: TLSContext, _ address: SocketAddress, keepsConnection: Bool = true) {
        self.loop = loop
        self.keepsConnection = keepsConnection
        self.context = context
        self.address = address
        loop.add(alarm)
        alarm.body = { [unowned self] in
            drop(Problem(.controlUnreachable, at: "\(address)", "it has not answered for 10 seconds"))
        }
    }

    /// Shows another identity from the next request on: for the control plane a connection is who it was when it began, and a
    /// second certificate asked for under the first one's name would be somebody else's.
    func use(_ context: TLSContext) {
        self.context = context
        isStale = connection != nil
        // Not in the middle of its own answer.
        loop.atEndOfTurn { [self] in letGoIfStale() }
    }

    private func letGoIfStale() {
        guard isStale, current == nil else { return }
        isStale = false
        connection?.close()
        connection = nil
    }

    func add(_ path: String, _ body: [UInt8], _ completion: @escaping (Result<[UInt8], Problem>) -> Void) {
        // A later list of wants says all that an earlier one did.
        if let same = waiting.firstIndex(where: { $0.path == path && path.hasSuffix("/wants") }) {
            waiting.remove(at: same)
        }
        guard waiting.count < Self.waitingMax else {
            return completion(.failure(Problem(.controlUnreachable, at: "\(address)", "too much waits to be said")))
        }
        waiting.append(Post(path: path, body: body, completion: completion))
        loop.atEndOfTurn { [self] in proceed() }
    }

    /// Ends it; whoever waits for an answer is told that there will be none.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        loop.remove(alarm)
        connection?.close()
        connection = nil
        let unanswered = [current].compactMap(\.self) + waiting
        current = nil
        waiting = []
        let problem = Problem(.controlUnreachable, at: "\(address)", "the watch has ended")
        for post in unanswered { post.completion(.failure(problem)) }
    }

    private func proceed() {
        guard !isClosed, current == nil, !waiting.isEmpty, let context else { return }
        letGoIfStale()
        current = waiting.removeFirst()
        loop.setDeadline(loop.now + Self.timeout, of: alarm)
        if connection?.isOpen == true { return send() }
        connection?.close()
        isStale = false
        connection = ControlConnection(loop, context, address) { [unowned self] event in handle(event) }
    }

    private func send() {
        guard let post = current else { return }
        body = []
        var head = HTTPRequest(method: "POST", authority: "\(address)", target: post.path)
        head.body = .length(UInt64(post.body.count))
        connection?.send(head, post.body)
    }

    private func handle(_ event: ControlConnection.Event) {
        switch event {
        case .opened: send()
        case .head(let response):
            guard !response.isInterim else { return }
            status = response.status
            persists = response.persists
        case .body(let bytes):
            body += bytes
            if body.count > ControlProtocol.answerBytes {
                drop(Problem(.controlMessage, at: "\(address)", "its answer is longer than allowed"))
            }
        case .end: answered()
        case .closed(let problem):
            connection = nil
            if current != nil { drop(problem) }
        }
    }

    private func answered() {
        guard let post = current else { return }
        current = nil
        loop.setDeadline(.never, of: alarm)
        if !persists {
            connection?.close()
            connection = nil
        }
        let result: Result<[UInt8], Problem> =
            (200..<300).contains(status) ? .success(body) : .failure(Self.refusal(status, body, at: address))
        post.completion(result)
        proceed()
        // Whoever was told may have more to say, but not in the middle of this answer.
        if !keepsConnection { loop.atEndOfTurn { [self] in letGoIfIdle() } }
    }

    private func letGoIfIdle() {
        guard current == nil, waiting.isEmpty else { return }
        connection?.close()
        connection = nil
    }

    /// The connection is of no use any more; the request may go over another.
    private func drop(_ problem: Problem) {
        connection?.close()
        connection = nil
        loop.setDeadline(.never, of: alarm)
        guard var post = current else { return }
        current = nil
        post.attempts += 1
        if post.attempts < Self.attemptsMax {
            waiting.insert(post, at: 0)
        } else {
            post.completion(.failure(problem))
        }
        proceed()
    }

    /// What an answer with an error says.
    static func refusal(_ status: Int, _ body: [UInt8], at address: SocketAddress?) -> Problem {
        let place = address.map { "\($0)" }
        guard let answer = try? ErrorAnswer.decode(body) else {
            return Problem(.controlRefused, at: place, "it answers with status \(status)")
        }
        return Problem(.controlRefused, at: place, "\(answer.code) \(answer.message)", remedy: answer.remedy)
    }

    private final class Alarm: EventHandler {
        var body: () -> Void = {}

        override func deadlineReached(now: Instant) { body() }
    }
}
