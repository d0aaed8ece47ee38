// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Glibc
import LinuxSystem

/// Tells who waits for longer than a second that something is under way, on standard error. On a terminal it is one line
/// that is written again and again, elsewhere one sentence.
struct Patience {
    private let began = ContinuousClock.now
    private let isTerminal = isatty(2) == 1
    private var turn = 0
    private var hasSpoken = false

    var elapsed: Duration { ContinuousClock.now - began }

    mutating func say(_ text: String) {
        guard elapsed >= .seconds(1) else { return }
        if isTerminal {
            let signs = ["|", "/", "-", "\\"]
            StandardStream.error.write("\r\u{1B}[K\(signs[turn % signs.count]) \(text)")
            turn += 1
        } else if !hasSpoken {
            Output.complain(text)
        }
        hasSpoken = true
    }

    /// Takes the line away again.
    func end() {
        if isTerminal, hasSpoken { StandardStream.error.write("\r\u{1B}[K") }
    }
}
