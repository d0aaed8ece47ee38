// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import DataPlane
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// Asks all data threads what they know and puts the answers together, without anybody waiting.
final class ReportCollector {
    /// What all of them know together.
    struct Answer {
        let counters: DataPlaneCounters
        let connections: [ConnectionRecord]
        let checks: [EndpointCheck]
    }

    private struct Question {
        var missing: Int
        var counters = DataPlaneCounters()
        var connections: [ConnectionRecord] = []
        var checks: [EndpointCheck] = []
        let answer: (Answer) -> Void
    }

    private let dataPlane: DataPlane
    private let answers: Mailbox<(UInt64, ThreadReport)>
    private var questions: [UInt64: Question] = [:]
    private var lastQuestion: UInt64 = 0

    init(_ dataPlane: DataPlane, on loop: EventLoop) throws(SystemError) {
        self.dataPlane = dataPlane
        answers = try Mailbox()
        try answers.receive(on: loop) { [unowned self] in take($0, $1) }
    }

    /// Calls `answer` on the loop once every thread has told.
    func ask(includingConnections: Bool = false, _ answer: @escaping (Answer) -> Void) {
        lastQuestion += 1
        let number = lastQuestion
        questions[number] = Question(missing: dataPlane.threadCount, answer: answer)
        dataPlane.report(includingConnections: includingConnections) { [answers] report in
            answers.send((number, report))
        }
    }

    private func take(_ number: UInt64, _ report: ThreadReport) {
        guard var question = questions[number] else { return }
        question.missing -= 1
        question.counters.merge(report.counters)
        question.connections += report.connections
        question.checks += report.checks
        guard question.missing == 0 else {
            questions[number] = question
            return
        }
        questions[number] = nil
        let checks = question.checks.sorted { left, right in
            (left.service, left.address.description) < (right.service, right.address.description)
        }
        question.answer(
            Answer(
                counters: question.counters, connections: question.connections.sorted { $0.id < $1.id }, checks: checks)
        )
    }
}
