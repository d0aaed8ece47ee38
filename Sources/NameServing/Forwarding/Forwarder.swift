// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import Reactor

/// Passes questions that are not the mesh's on to resolvers, one after the other, and their answers back, both untouched
/// but for the identifier.
///
/// The same question asked again while it is on its way waits for the same answer. So a forger cannot have many identifiers
/// guessed at once, and where a resolver on this very machine has its own questions brought back here, each goes round once
/// instead of for ever.
final class Forwarder {
    /// Gives the answer, or nil where nobody has one. Never called from inside ``forward(_:over:_:)``.
    typealias Completion = ([UInt8]?) -> Void

    let loop: EventLoop
    let limits: NameLimits
    private(set) var resolvers: [SocketAddress] = []
    /// The one that answered last, and when it is left for the first again.
    private var preferred = 0
    private var preferredUntil = Instant.never
    private var underWay: [Question: ForwardedQuestion] = [:]
    /// How many ask for the same, by the question in lower case.
    private var alike: [[UInt8]: Int] = [:]
    /// What answers are read into, one after the other.
    var scratch = [UInt8](repeating: 0, count: NameResponse.streamByteCountMax)

    /// A question without its identifier.
    struct Question: Hashable {
        let transport: NameResponse.Transport
        let bytes: ArraySlice<UInt8>
    }

    /// A resolver that was silent is left alone for so long.
    private static let avoidance = Duration.seconds(30)

    init(_ loop: EventLoop, _ limits: NameLimits) {
        self.loop = loop
        self.limits = limits
    }

    var count: Int { underWay.count }

    /// From now on these are asked; questions on their way go on as they began.
    func use(_ resolvers: [SocketAddress]) {
        guard resolvers != self.resolvers else { return }
        self.resolvers = resolvers
        preferred = 0
    }

    /// Passes a question on that has been read as one. False: there is no room for it, and `done` is never called.
    func forward(
        _ message: [UInt8], _ query: NameQuery, over transport: NameResponse.Transport, _ done: @escaping Completion
    ) -> Bool {
        let key = Question(transport: transport, bytes: message.dropFirst(2))
        let asker = ForwardedQuestion.Asker(identifier: query.header.identifier, done: done)
        if let same = underWay[key] {
            guard same.askers.count < limits.askersPerForward else { return false }
            same.askers.append(asker)
            return true
        }
        let plain = Self.lowered(query.question)
        guard underWay.count < limits.forwards, alike[plain, default: 0] < limits.forwardsAlike else { return false }
        alike[plain, default: 0] += 1
        let question =
            switch transport {
            case .datagram: DatagramQuestion(self, key, query.question, order())
            case .stream: StreamQuestion(self, key, query.question, order())
            }
        question.askers = [asker]
        underWay[key] = question
        loop.add(question)
        question.askNext()
        return true
    }

    private func order() -> [SocketAddress] {
        if loop.now >= preferredUntil { preferred = 0 }
        guard preferred < resolvers.count else { return resolvers }
        return Array(resolvers[preferred...] + resolvers[..<preferred])
    }

    /// Remembers who answers, so that one that is dead costs its time only now and then.
    func answered(by resolver: SocketAddress) {
        guard let index = resolvers.firstIndex(of: resolver), index != preferred else { return }
        preferred = index
        preferredUntil = loop.now + Self.avoidance
    }

    func ended(_ question: ForwardedQuestion) {
        underWay[question.key] = nil
        let plain = Self.lowered(question.question)
        let others = alike[plain, default: 1] - 1
        alike[plain] = others > 0 ? others : nil
    }

    /// Lengths of labels lie below the letters.
    private static func lowered(_ question: [UInt8]) -> [UInt8] {
        question.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
    }
}

/// One question on its way. Each try has a socket of its own, with a port and an identifier that the kernel draws anew
/// (RFC 5452 sections 9.2, 9.3), connected, so that only the one who was asked can answer.
class ForwardedQuestion: EventHandler {
    struct Asker {
        let identifier: UInt16
        let done: Forwarder.Completion
    }

    let forwarder: Forwarder
    let key: Forwarder.Question
    var askers: [Asker] = []
    let question: [UInt8]
    private var left: ArraySlice<SocketAddress>
    private(set) var resolver: SocketAddress?
    private(set) var identifier: UInt16 = 0
    /// A refusal that is told if nobody says anything better.
    private var lastRefusal: [UInt8]?
    private var isOver = false

    init(
        _ forwarder: Forwarder, _ key: Forwarder.Question, _ question: [UInt8], _ resolvers: [SocketAddress]
    ) {
        self.forwarder = forwarder
        self.key = key
        self.question = question
        left = resolvers[...]
    }

    /// Opens a socket to the resolver and sends; false where that cannot be done.
    func ask(_ resolver: SocketAddress) -> Bool { false }

    func closeSocket() {}

    /// What is sent to this resolver.
    var message: [UInt8] {
        [UInt8(truncatingIfNeeded: identifier >> 8), UInt8(truncatingIfNeeded: identifier)] + key.bytes
    }

    final func askNext() {
        closeSocket()
        while let next = left.popFirst() {
            resolver = next
            var random = KernelRandom()
            identifier = UInt16.random(in: .min ... .max, using: &random)
            if ask(next) {
                return forwarder.loop.setDeadline(forwarder.loop.now + forwarder.limits.resolverPatience, of: self)
            }
            closeSocket()
        }
        end(with: lastRefusal)
    }

    override final func deadlineReached(now: Instant) { askNext() }

    /// Takes what came from the resolver; false if it is no answer to this question.
    final func take(_ answer: ArraySlice<UInt8>) -> Bool {
        guard let code = ForwardedAnswer.code(answer, identifier: identifier, question: question) else { return false }
        if ForwardedAnswer.isNoHelp(code), !left.isEmpty {
            lastRefusal = Array(answer)
            askNext()
        } else {
            if let resolver, !ForwardedAnswer.isNoHelp(code) { forwarder.answered(by: resolver) }
            end(with: Array(answer))
        }
        return true
    }

    private func end(with answer: [UInt8]?) {
        guard !isOver else { return }
        isOver = true
        closeSocket()
        forwarder.ended(self)
        forwarder.loop.remove(self)
        // Not from here: whoever asks may still be in the middle of it.
        let askers = askers
        forwarder.loop.atEndOfTurn {
            for asker in askers {
                asker.done(answer.map { ForwardedAnswer.with($0, identifier: asker.identifier) })
            }
        }
    }
}
