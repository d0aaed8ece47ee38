// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Synchronization

/// Requests without pause against a server that echoes, from several threads: half of them open a connection for each
/// request, half keep one for forty. Each line of input is answered with what has been done so far; `stop` ends it.
final class LabLoad: Sendable {
    private struct State {
        var requests = 0
        var failures: [String] = []
        var isStopping = false
        var active: Int
    }

    private let address: String
    private let state: Mutex<State>

    init(_ address: String, workers: Int) {
        self.address = address
        state = Mutex(State(active: workers))
        for worker in 0..<workers { Thread.detachNewThread { self.work(worker) } }
    }

    func run() -> Int32 {
        while let line = readLine() {
            if line == "stop" { break }
            report("so far")
        }
        state.withLock { $0.isStopping = true }
        for _ in 0..<2000 where state.withLock({ $0.active > 0 }) { usleep(10_000) }
        report("done")
        return 0
    }

    private func report(_ word: String) {
        let (requests, failures) = state.withLock { ($0.requests, $0.failures) }
        say("\(word) requests=\(requests) failures=\(failures.count) \(failures.prefix(5).joined(separator: "; "))")
    }

    private func work(_ worker: Int) {
        var number = 0
        while !state.withLock({ $0.isStopping }) {
            var failure: String?
            let socket = LabSocket.tryToConnect(address)
            if let socket {
                for _ in 0..<(worker % 2 == 0 ? 1 : 40) where failure == nil {
                    number += 1
                    let request = Array("request \(worker) \(number) \(String(repeating: "x", count: 600))\n".utf8)
                    socket.send(request)
                    let answer = socket.receive(count: request.count)
                    if answer != request { failure = "answer of \(answer.count) bytes: \(LabSocket.lastError)" }
                    state.withLock { $0.requests += 1 }
                    usleep(2000)
                }
                if failure == nil, !socket.endCleanly() { failure = "no clean end: \(LabSocket.lastError)" }
            } else {
                failure = "connect: \(LabSocket.lastError)"
            }
            if let failure {
                state.withLock { $0.failures.append("worker \(worker) request \(number): \(failure)") }
                usleep(20_000)
            }
        }
        state.withLock { $0.active -= 1 }
    }
}
