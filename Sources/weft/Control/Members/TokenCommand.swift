// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import MeshModel

/// `weft token`.
struct TokenCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "Tokens, each of which lets one machine join.",
        discussion: """
            EXAMPLE
              weft token create --service web
              weft token list
            """,
        subcommands: [CreateTokenCommand.self, ListTokensCommand.self, DeleteTokenCommand.self])
}

struct CreateTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a token that lets one machine join as a service.",
        discussion: """
            The token alone goes to standard output. It is a secret: whoever has it can join as that service, once, until it \
            ends. It is shown now and never again.

            EXAMPLE
              weft token create --service web --ttl 15m
              ssh web-1 weft join "$(weft token create --service web)"
            """)

    @Option(
        help: ArgumentHelp("The service that the machine is to be an endpoint of.", valueName: "name"),
        transform: Values.name)
    var service: ResourceName

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("The service's namespace (default: default).", valueName: "name"), transform: Values.name)
    var namespace: ResourceName?

    @Option(
        help: ArgumentHelp("How long it holds, 1m to 24h (default: 1h).", valueName: "time"),
        transform: Values.lifetime)
    var ttl: Duration?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("token create") { client throws(Problems) in
            let answer = try await client.post("/v1/tokens") { json in
                json.field("service", service.text)
                json.field("namespace", ifPresent: namespace?.text)
                json.field("ttl", ifPresent: ttl.map { DurationText.text($0) })
            }
            guard let answer else { throw Problems(Problem(.controlAnswer, "there is no token in the answer")) }
            let token = try answer.required("token")
            var result = Output.Result(text: token) { $0.fields(of: answer) }
            result.notes = ["token \(answer.text("id")) for \(named), until \(answer.text("expiresAt"))"]
            if !answer.isTrue("serviceExists") {
                result.warnings = [
                    Problem(
                        .resourceMissing, at: "Service/\(named)", "does not exist yet",
                        remedy: "`weft apply` it, or nobody will find who joins")
                ]
            }
            return result
        }
    }

    private var named: ResourceReference {
        ResourceReference(namespace: namespace ?? .defaultNamespace, name: service)
    }
}

struct ListTokensCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the tokens, without their secrets.",
        discussion: """
            EXAMPLE
              weft token list
            """)

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("token list") { client throws(Problems) in
            try await Listing.tokens.result(client, ListingFilter())
        }
    }
}

struct DeleteTokenCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Take a token back, so that nobody can join with it any more.",
        discussion: """
            EXAMPLE
              weft token delete 1a2b3c4d5e6f7a8b
            """)

    @Argument(help: ArgumentHelp("The token's id, as `weft token list` has it.", valueName: "id"))
    var id: String

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("token delete") { client throws(Problems) in
            try await client.delete("/v1/tokens/\(id.percentEncoded)")
            return Output.Result(text: "deleted token \(id)") { $0.field("id", id) }
        }
    }
}
