// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import DataPlane
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// What all data threads together have told.
struct GatheredReport {
    fileprivate(set) var counters = DataPlaneCounters()
    fileprivate(set) var connections: [ConnectionRecord] = []
    fileprivate(set) var services: [ServiceReport.Key: ServiceReport] = [:]
    fileprivate(set) var checks: [EndpointCheck] = []

    fileprivate mutating func add(_ report: ThreadReport) {
        counters.merge(report.counters)
        connections += report.connections
        checks += report.checks
        for service in report.services {
            if services[service.key]?.merge(service) == nil { services[service.key] = service }
        }
    }
}

/// Asks all data threads what they know and puts the answers together, without anybody waiting. What they tell of requests
/// is kept here, from the beginning of the process on.
final class ReportCollector {
    private struct Question {
        var missing: Int
        var report = GatheredReport()
        let answer: (GatheredReport) -> Void
    }

    private let loop: EventLoop
    private let dataPlane: DataPlane
    private let answers: Mailbox<(UInt64, ThreadReport)>
    private var questions: [UInt64: Question] = [:]
    private var lastQuestion: UInt64 = 0
    private var requests = RequestCounters()
    /// As in the configuration: ``MetricsSettings/evictAfter``.
    var evictAfter: Duration

    init(_ dataPlane: DataPlane, on loop: EventLoop, evictAfter: Duration) throws(SystemError) {
        self.loop = loop
        self.dataPlane = dataPlane
        self.evictAfter = evictAfter
        answers = try Mailbox()
        try answers.receive(on: loop) { [unowned self] in take($0, $1) }
    }

    /// Calls `answer` on the loop once every thread has told.
    func ask(_ detail: ReportDetail = [], _ answer: @escaping (GatheredReport) -> Void) {
        lastQuestion += 1
        let number = lastQuestion
        questions[number] = Question(missing: dataPlane.threadCount, answer: answer)
        dataPlane.report(detail) { [answers] report in
            answers.send((number, report))
        }
    }

    /// So that the threads hand over what they have counted although nobody reads metrics.
    func gather() { ask { _ in } }

    private func take(_ number: UInt64, _ report: ThreadReport) {
        requests.merge(report.counters.requests)
        guard var question = questions[number] else { return }
        question.missing -= 1
        question.report.add(report)
        guard question.missing == 0 else {
            questions[number] = question
            return
        }
        questions[number] = nil
        evict()
        question.report.counters.requests = requests
        question.report.connections.sort { $0.id < $1.id }
        question.report.checks.sort { left, right in
            (left.service, left.address.description) < (right.service, right.address.description)
        }
        question.answer(question.report)
    }

    private func evict() {
        guard evictAfter > .zero else { return }
        let moment = loop.now.nanoseconds - evictAfter.wholeNanoseconds
        requests.evict(unseenSince: Instant(nanoseconds: max(0, moment)))
    }
}
