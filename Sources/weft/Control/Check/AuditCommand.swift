// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import MeshModel

/// `weft audit`.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "List who changed what, and who tried, newest first.",
        discussion: """
            EXAMPLE
              weft audit --limit 20
            """)

    @Option(help: ArgumentHelp("How many entries, at most 10000 (default: 100).", valueName: "number"))
    var limit = 100

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("audit") { client throws(Problems) in
            let answer = try await client.get("/v1/audit", query: [("limit", String(limit))])
            var table = Table("TIME", "WHO", "DID", "TO", "OUTCOME")
            for entry in answer.list("entries") {
                table.add(
                    entry.text("time"), entry.text("author"), entry.text("action"), entry.text("object"),
                    entry.text("outcome"))
            }
            return Output.Result(text: table.text(ifEmpty: "nothing has happened yet")) { $0.fields(of: answer) }
        }
    }
}
