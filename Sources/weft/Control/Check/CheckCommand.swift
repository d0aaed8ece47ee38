// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import MeshModel

/// `weft check`.
struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Look at the whole mesh for what is wrong, or soon will be.",
        discussion: """
            Each line says what was looked at, whether it is well, and what to do where it is not. The exit code is 1 where \
            something fails; warnings do not count.

            EXAMPLE
              weft check
              weft check --fail-if-expiring 30d
            """)

    @Option(
        help: ArgumentHelp(
            "Fail where a root or an intermediate ends within this time (default: only warn).", valueName: "time"),
        transform: Values.lifetime)
    var failIfExpiring: Duration?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("check") { client throws(Problems) in
            let examination = Examination(client: client, failIfExpiring: failIfExpiring, now: .current)
            let findings = await examination.findings()
            let failed = findings.count { $0.verdict == .fail }
            let warned = findings.count { $0.verdict == .warn }
            let summary = failed + warned == 0 ? "all is well" : "\(failed) failed, \(warned) to be looked at"
            return Output.Result(
                text: (findings.map(\.line) + [summary]).joined(separator: "\n"), exitCode: failed > 0 ? 1 : 0
            ) { json in
                json.key("checks")
                json.array(findings) { json, finding in
                    json.object { json in
                        json.field("subject", finding.subject)
                        json.field("verdict", finding.verdict.rawValue)
                        json.field("finding", finding.text)
                        json.field("remedy", ifPresent: finding.remedy)
                    }
                }
                json.field("failed", failed)
                json.field("warned", warned)
            }
        }
    }
}

/// What came of looking at one thing.
struct Finding {
    enum Verdict: String {
        case ok
        /// It should be looked at; nothing is broken yet.
        case warn
        /// It is broken.
        case fail
    }

    let subject: String
    let verdict: Verdict
    let text: String
    var remedy: String?

    var line: String {
        let fix = remedy.map { "; \($0)" } ?? ""
        return "\(verdict.rawValue.padded(to: 4))  \(subject.padded(to: 14))  \(text.printable)\(fix.printable)"
    }
}
