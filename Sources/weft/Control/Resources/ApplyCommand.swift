// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import MeshModel

/// `weft apply`.
struct ApplyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply",
        abstract: "Write resources to the mesh, as one revision: all of them or none.",
        discussion: """
            Everything that is given becomes one revision. What is not given stays as it is, unless --prune names its kind. \
            The control plane checks the whole mesh as it would be, and refuses all of it with every reason at once.

            EXAMPLE
              weft apply -f mesh.yaml --wait
              weft apply -f services/ -f policies/ --message "checkout moves to v2"
              weft apply -f all.yaml --prune Policy,HTTPRoute --dry-run
            """)

    @OptionGroup var documents: DocumentOptions

    @Flag(help: "Check, and say what would change, without writing.")
    var dryRun = false

    @Option(help: ArgumentHelp("Why, for the history.", valueName: "text"))
    var message: String?

    @Option(
        help: ArgumentHelp("Delete what is not given, of these kinds, with commas between.", valueName: "kinds"),
        transform: Values.kinds)
    var prune: [ResourceKind] = []

    @OptionGroup var waiting: WaitOptions

    @OptionGroup var control: ControlOptions

    func validate() throws {
        if dryRun, waiting.wait { throw ValidationError("--wait does not go with --dry-run, which writes nothing.") }
    }

    func run() async throws {
        try await control.report("apply") { client throws(Problems) in
            let input = try Documents(documents.files)
            let written: WrittenResult
            do throws(Problems) {
                written = try WrittenResult(
                    try await client.post(
                        "/v1/apply",
                        query: [
                            ("dryRun", dryRun ? "true" : nil),
                            ("allowDangling", documents.allowDangling ? "true" : nil), ("message", message),
                            ("prune", prune.isEmpty ? nil : prune.map(\.rawValue).joined(separator: ",")),
                        ], input.text, type: "application/yaml"))
            } catch {
                throw input.placed(error)
            }
            var result = written.result(isTrial: dryRun, waited: try await waiting.run(written, client))
            result.warnings = result.warnings.map(input.placed)
            return result
        }
    }
}

/// `weft diff`.
struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Say what `weft apply` would change, and who would be treated otherwise.",
        discussion: """
            Lists the resources that would change, and every pair of a workload and a service for which the verdict of the \
            policies or the routes would be another. Nothing is written.

            EXAMPLE
              weft diff -f mesh.yaml
            """)

    @OptionGroup var documents: DocumentOptions

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("diff") { client throws(Problems) in
            let input = try Documents(documents.files)
            let written: WrittenResult
            do throws(Problems) {
                written = try WrittenResult(
                    try await client.post(
                        "/v1/diff", query: [("allowDangling", documents.allowDangling ? "true" : nil)], input.text,
                        type: "application/yaml"))
            } catch {
                throw input.placed(error)
            }
            var table = Table("FROM", "TO", "NOW", "THEN")
            for effect in written.answer.list("effects") {
                table.add(effect.text("from"), effect.text("to"), effect.text("before"), effect.text("after"))
            }
            let effects = table.text(ifEmpty: "nobody would be treated otherwise")
            var result = written.result(isTrial: true, extra: [effects, ""])
            result.warnings = result.warnings.map(input.placed)
            return result
        }
    }
}

/// `weft delete`.
struct DeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete a resource, as a revision of its own.",
        discussion: """
            Refused while another resource names it, unless --allow-dangling.

            EXAMPLE
              weft delete policy allow-web-api
              weft delete service api -n shop --wait
            """)

    @Argument(help: ArgumentHelp("Its kind.", valueName: "kind"), transform: Values.resourceKind)
    var kind: ResourceKind

    @Argument(help: ArgumentHelp("Its name.", valueName: "name"), transform: Values.name)
    var name: ResourceName

    @Option(
        name: [.customShort("n"), .long], help: ArgumentHelp("Its namespace (default: default).", valueName: "name"),
        transform: Values.name)
    var namespace: ResourceName?

    @Flag(help: "Check, and say what would change, without writing.")
    var dryRun = false

    @Flag(help: "Although another resource names it.")
    var allowDangling = false

    @Option(help: ArgumentHelp("Why, for the history.", valueName: "text"))
    var message: String?

    @OptionGroup var waiting: WaitOptions

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("delete") { client throws(Problems) in
            let place = "\(kind.rawValue)/\(namespace ?? .defaultNamespace)/\(name)"
            let answer = try await client.delete(
                "/v1/resources/\(place)",
                query: [
                    ("dryRun", dryRun ? "true" : nil), ("allowDangling", allowDangling ? "true" : nil),
                    ("message", message),
                ])
            guard let answer else { throw Problems(Problem(.controlAnswer, "the answer is empty")) }
            let written = try WrittenResult(answer)
            return written.result(isTrial: dryRun, waited: dryRun ? nil : try await waiting.run(written, client))
        }
    }
}

/// `weft rollback`.
struct RollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Write the content of an earlier revision as a new one.",
        discussion: """
            EXAMPLE
              weft rollback 41 --wait
            """)

    @Argument(help: ArgumentHelp("The revision, as `weft history` has it.", valueName: "revision"))
    var revision: UInt64

    @Option(help: ArgumentHelp("Why, for the history.", valueName: "text"))
    var message: String?

    @OptionGroup var waiting: WaitOptions

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("rollback") { client throws(Problems) in
            let written = try WrittenResult(
                try await client.post("/v1/revisions/\(revision)/rollback", query: [("message", message)]))
            return written.result(waited: try await waiting.run(written, client))
        }
    }
}

extension Values {
    static func kinds(_ text: String) throws -> [ResourceKind] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { try resourceKind(String($0)) }
    }
}
