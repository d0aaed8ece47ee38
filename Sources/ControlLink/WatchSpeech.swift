// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ControlAPI
internal import MeshModel
internal import Reactor

/// What a proxy says on the connection of its watch: line by line, each when the one before was heard.
final class WatchSpeech {
    private struct Line {
        let content: ProxyMessage.Content
        let completion: (Result<Void, Problem>) -> Void

        var isWants: Bool { if case .wants = content { true } else { false } }
    }

    private static let timeout = Duration.seconds(10)
    /// Acknowledgements and wants: never many at once.
    private static let waitingMax = 64

    private let loop: EventLoop
    private let send: ([UInt8]) -> Void
    private let alarm = Alarm()
    private var waiting: [Line] = []
    private var current: Line?
    private var number: UInt64 = 0
    private var isClosed = false

    /// `send` puts bytes on the connection.
    init(_ loop: EventLoop, send: @escaping ([UInt8]) -> Void) {
        self.loop = loop
        self.send = send
        loop.add(alarm)
        alarm.body = { [unowned self] in close(Problem(.controlUnreachable, "it has not answered for 10 seconds")) }
    }

    /// `completion` is called from the loop, never from inside this call.
    func say(_ content: ProxyMessage.Content, _ completion: @escaping (Result<Void, Problem>) -> Void) {
        let line = Line(content: content, completion: completion)
        // A later list of wants says all that an earlier one did.
        if line.isWants { waiting.removeAll(where: \.isWants) }
        waiting.append(line)
        loop.atEndOfTurn { [self] in
            guard waiting.count <= Self.waitingMax else {
                return close(Problem(.controlUnreachable, "too much waits to be said"))
            }
            proceed()
        }
    }

    /// The control plane has taken up everything to this number.
    func heard(_ number: UInt64) throws(Problem) {
        guard let line = current, number == self.number else {
            throw Problem(.controlMessage, "it has heard what was not said")
        }
        current = nil
        loop.setDeadline(.never, of: alarm)
        line.completion(.success(()))
        proceed()
    }

    /// Ends it; whoever waits for an answer is told why there will be none.
    func close(_ problem: Problem) {
        guard !isClosed else { return }
        isClosed = true
        loop.remove(alarm)
        let unanswered = [current].compactMap(\.self) + waiting
        current = nil
        waiting = []
        for line in unanswered { line.completion(.failure(problem)) }
    }

    private func proceed() {
        guard !isClosed, current == nil, !waiting.isEmpty else { return }
        let line = waiting.removeFirst()
        current = line
        number += 1
        loop.setDeadline(loop.now + Self.timeout, of: alarm)
        send(ProxyMessage(number: number, line.content).line())
    }

    private final class Alarm: EventHandler {
        var body: () -> Void = {}

        override func deadlineReached(now: Instant) { body() }
    }
}
