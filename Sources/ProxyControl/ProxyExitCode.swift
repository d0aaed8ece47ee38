// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// How `weft-proxy` ends; stable, for scripts and supervisors.
package enum ProxyExitCode: Int32, CaseIterable, Sendable {
    /// Done: drained empty, ready, valid.
    case done = 0
    /// It failed; standard error says why.
    case failed = 1
    /// The command line or the configuration is wrong.
    case usage = 2
    /// `ready` and `wait`: it is not ready. `shutdown`: none answers.
    case notReady = 3
    /// `run`: connections were still open at the deadline, or at the second signal, and were reset.
    case drainIncomplete = 4

    package var meaning: String {
        switch self {
        case .done: "done; `run`: ended with nothing left open"
        case .failed: "failed; standard error says why"
        case .usage: "the command line or the configuration is wrong"
        case .notReady: "`ready`, `wait`: the proxy is not ready; `shutdown`: no proxy answers"
        case .drainIncomplete: "`run`: connections were still open at the end and were reset"
        }
    }
}
