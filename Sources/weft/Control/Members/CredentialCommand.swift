// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import MeshModel

/// `weft credential`.
struct CredentialCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "credential",
        abstract: "Who may use the control plane's API.",
        discussion: """
            EXAMPLE
              weft credential create anna --role operate --ttl 30d
              weft credential list
            """,
        subcommands: [CreateCredentialCommand.self, ListCredentialsCommand.self, DeleteCredentialCommand.self])
}

struct CreateCredentialCommand: AsyncParsableCommand {
    enum Role: String, CaseIterable, ExpressibleByArgument {
        case view
        case operate
        case admin
    }

    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Let somebody use the API, by a token or by an identity of the mesh.",
        discussion: """
            Who may `view` looks at everything that is no secret, who may `operate` changes the mesh's configuration and makes \
            join tokens, `admin` is for the rest. The token alone goes to standard output; it is shown now and never again.

            EXAMPLE
              weft credential create anna --role operate --ttl 30d
              weft credential create robot --role view --identity spiffe://mesh.example/ns/ops/sa/robot
            """)

    @Argument(help: ArgumentHelp("Whose it is, for the audit log.", valueName: "name"))
    var name: String

    @Option(help: ArgumentHelp("What it lets him do: view, operate or admin.", valueName: "role"))
    var role: Role

    @Option(help: ArgumentHelp("How long it holds (default: for ever).", valueName: "time"), transform: Values.lifetime)
    var ttl: Duration?

    @Option(
        help: ArgumentHelp("By the certificate of this workload, in place of a token.", valueName: "id"),
        transform: Values.spiffeID)
    var identity: SPIFFEID?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("credential create") { client throws(Problems) in
            let answer = try await client.post("/v1/credentials") { json in
                json.field("name", name)
                json.field("role", role.rawValue)
                json.field("ttl", ifPresent: ttl.map { DurationText.lifetimeText($0) })
                json.field("identity", ifPresent: identity?.description)
            }
            guard let answer else { throw Problems(Problem(.controlAnswer, "the answer is empty")) }
            var result = Output.Result(text: answer.text("token")) { $0.fields(of: answer) }
            let end = answer.text("expiresAt")
            result.notes = [
                "credential \(answer.text("id")): \(name) may \(role.rawValue)" + (end.isEmpty ? "" : ", until \(end)")
            ]
            return result
        }
    }
}

struct ListCredentialsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the credentials, without their secrets.",
        discussion: """
            EXAMPLE
              weft credential list
            """)

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("credential list") { client throws(Problems) in
            try await Listing.credentials.result(client, ListingFilter())
        }
    }
}

struct DeleteCredentialCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Take a credential back.",
        discussion: """
            EXAMPLE
              weft credential delete 1a2b3c4d5e6f7a8b
            """)

    @Argument(help: ArgumentHelp("Its id, as `weft credential list` has it.", valueName: "id"))
    var id: String

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("credential delete") { client throws(Problems) in
            try await client.delete("/v1/credentials/\(id.percentEncoded)")
            return Output.Result(text: "deleted credential \(id)") { $0.field("id", id) }
        }
    }
}
