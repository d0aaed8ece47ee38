// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import LinuxSystem
package import MeshModel
package import Reactor
internal import Synchronization
package import Telemetry

/// A connection or a request that is over, on its way to the log.
package struct FinishedWork: Sendable {
    /// Behind a reference: a record is large, and is handed on several times.
    package indirect enum Record: Sendable {
        case connection(ConnectionRecord)
        case request(RequestRecord)
        /// Something else that the log is to say.
        case line(LogLine)
    }

    package let record: Record
    package let endedAt: Instant
    /// It may be here for its span alone.
    package let isLogged: Bool
    /// It is a request with a span.
    package let isSampled: Bool
}

/// The way of finished work from the data threads to whoever writes them down: bounded, and never waiting. A log
/// that stalls costs lines, which are counted, and nothing else.
package final class ReportSink: Sendable {
    static let batchMax = 512
    /// About ten megabytes of records at the most.
    private static let waitingMax = 16_384

    private let mailbox: Mailbox<[FinishedWork]>
    private let waiting = Atomic<Int>(0)

    package init() throws(SystemError) {
        mailbox = try Mailbox()
    }

    /// The number of records that had to be dropped.
    func send(_ batch: [FinishedWork]) -> Int {
        let before = waiting.load(ordering: .relaxed)
        guard before + batch.count <= Self.waitingMax else { return batch.count }
        waiting.add(batch.count, ordering: .relaxed)
        mailbox.send(batch)
        return 0
    }

    /// Registers the reader, on its own loop.
    package func receive(on loop: EventLoop, _ body: @escaping ([FinishedWork]) -> Void) throws(SystemError) {
        try mailbox.receive(on: loop) { batch in
            self.waiting.subtract(batch.count, ordering: .relaxed)
            body(batch)
        }
    }
}
