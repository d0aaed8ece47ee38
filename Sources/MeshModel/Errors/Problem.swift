// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What an operator is told when something he wrote or runs is not right: a stable code, where, what, and the fix.
///
/// Printed as one line, `WEFT1007 spec.ports.inbound (weft.yaml:12:14): 70000 is not a port; write 1 to 65535`. The code
/// has a section of its own in `docs/errors.md`.
package struct Problem: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: ErrorCode

    /// A file with line and column, a field path, an option or a file name; nil if the message says it all.
    package let place: String?

    /// What is wrong, with the value found.
    package let message: String

    /// What to do, as the end of the sentence; nil where the message leaves no question.
    package let remedy: String?

    package init(_ code: ErrorCode, at place: String? = nil, _ message: String, remedy: String? = nil) {
        self.code = code
        self.place = place
        self.message = message
        self.remedy = remedy
    }

    package var description: String {
        let location = place.map { " \($0):" } ?? ""
        let fix = remedy.map { "; \($0)" } ?? ""
        // The message shows what was found, whatever that is.
        return "\(code.label)\(location) \(message)\(fix)".printable
    }
}

/// Everything wrong with one source, found in one pass, so that nobody mends a file error by error.
package struct Problems: Error, Hashable, Sendable, CustomStringConvertible {
    package let all: [Problem]

    package init(_ all: [Problem]) {
        precondition(!all.isEmpty, "Problems are thrown only when there is at least one.")
        self.all = all
    }

    package init(_ one: Problem) {
        all = [one]
    }

    package var description: String { all.map(\.description).joined(separator: "\n") }
}
