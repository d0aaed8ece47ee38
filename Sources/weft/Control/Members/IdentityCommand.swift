// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import MeshModel
import ResourceDocuments

/// `weft identity`.
struct IdentityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "identity",
        abstract: "Who has joined, and who is denied.",
        discussion: """
            EXAMPLE
              weft identity list
              weft identity deny spiffe://mesh.example/ns/default/sa/web
            """,
        subcommands: [
            ListIdentitiesCommand.self, ShowIdentityCommand.self, DenyIdentityCommand.self, PermitIdentityCommand.self,
            ThawIdentityCommand.self,
        ])
}

struct ListIdentitiesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the workloads that have joined, and what is denied.",
        discussion: """
            EXAMPLE
              weft identity list
            """)

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("identity list") { client throws(Problems) in
            let members = try await client.get("/v1/members")
            let denied = try await client.get("/v1/denied")
            let table = try await Listing.members.result(client, ListingFilter())
            let lines =
                denied.texts("identities").map { "denied  \($0)" }
                + denied.texts("serials").map { "denied  certificate \($0)" }
            return Output.Result(text: ([table.text] + lines).joined(separator: "\n")) { json in
                json.fields(of: members)
                json.field("denied", denied)
            }
        }
    }
}

struct ShowIdentityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show who the workload of this machine is, or one that has joined.",
        discussion: """
            Without a name it reads the state directory here and asks nobody.

            EXAMPLE
              weft identity show
              weft identity show default/web-1
            """)

    @Argument(help: ArgumentHelp("The workload.", valueName: "namespace/name"), transform: Values.reference)
    var workload: ResourceReference?

    @Option(help: ArgumentHelp("The proxy's state directory.", valueName: "dir"), transform: Values.path)
    var state = "/var/lib/weft"

    @OptionGroup var control: ControlOptions

    func run() async throws {
        guard let workload else { return try await showHere() }
        try await control.report("identity show") { client throws(Problems) in
            let members = try await client.get("/v1/members").list("members")
            guard
                let member = members.first(where: {
                    $0.text("namespace") == workload.namespace.text && $0.text("name") == workload.name.text
                })
            else {
                throw Problems(
                    Problem(
                        .resourceMissing, at: workload.description, "has not joined", remedy: "see `weft identity list`"
                    ))
            }
            let lines = member.fields.map { "\($0.name.padded(to: 14)) \($0.value.scalarText ?? "")" }
            return Output.Result(text: lines.joined(separator: "\n")) { $0.field("member", member) }
        }
    }

    private func showHere() async throws {
        try await control.output.report("identity show") { () async throws(Problem) in
            let identity = try StateDirectory.identity(in: state)
            let chain = try PEMFile.certificates("\(state)/identity/chain.pem", .workload)
            let facts = chain.map { CertificateFacts($0) }
            let now = WallTime.current
            let warnings = facts.prefix(1).compactMap { $0.warning(at: now, place: state) }
            let text = """
                \(identity)
                  certificate  \(facts.first?.serialNumber ?? "?"), until \(facts.first?.validity.notAfter.description ?? "?")
                  directory    \(state)/identity
                """
            return Output.Result(text: text, warnings: warnings) { json in
                json.field("identity", identity.description)
                json.key("chain")
                json.array(facts) { json, facts in json.object { $0.fields(facts, now: now) } }
            }
        }
    }
}

/// Whom a denial is of.
struct DenialOptions: ParsableArguments {
    @Argument(help: ArgumentHelp("A SPIFFE ID: everybody who has it.", valueName: "id"), transform: Values.spiffeID)
    var identity: SPIFFEID?

    @Option(help: ArgumentHelp("One certificate, by its serial number in hexadecimal.", valueName: "number"))
    var serial: String?

    func validate() throws {
        guard (identity == nil) != (serial == nil) else { throw ValidationError("Give a SPIFFE ID or --serial.") }
    }

    var description: String { identity?.description ?? "certificate \(serial ?? "")" }

    func post(_ path: String, _ client: ControlClient) async throws(Problems) {
        try await client.post(path) { json in
            json.field("identity", ifPresent: identity?.description)
            json.field("serial", ifPresent: serial)
        }
    }
}

struct DenyIdentityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deny",
        abstract: "Believe an identity, or one certificate, no more.",
        discussion: """
            Every connected proxy ends its connections with it within a second; it can neither renew nor join.

            EXAMPLE
              weft identity deny spiffe://mesh.example/ns/default/sa/web
              weft identity deny --serial 0a1b2c3d
            """)

    @OptionGroup var whom: DenialOptions

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("identity deny") { client throws(Problems) in
            try await whom.post("/v1/denied", client)
            return Output.Result(text: "denied \(whom.description)") { $0.field("denied", whom.description) }
        }
    }
}

struct PermitIdentityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "permit",
        abstract: "Take a denial back.",
        discussion: """
            EXAMPLE
              weft identity permit spiffe://mesh.example/ns/default/sa/web
            """)

    @OptionGroup var whom: DenialOptions

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("identity permit") { client throws(Problems) in
            try await whom.post("/v1/permitted", client)
            return Output.Result(text: "permitted \(whom.description)") { $0.field("permitted", whom.description) }
        }
    }
}

struct ThawIdentityCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thaw",
        abstract: "Let a frozen workload renew again.",
        discussion: """
            A workload is frozen when two keys were renewed for one of its certificates: somebody has a copy. Find out who \
            before thawing it; `weft identity deny` is the other answer.

            EXAMPLE
              weft identity thaw default/web-1
            """)

    @Argument(help: ArgumentHelp("The workload.", valueName: "namespace/name"), transform: Values.reference)
    var workload: ResourceReference

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("identity thaw") { client throws(Problems) in
            try await client.post("/v1/members/\(workload)/thaw") { _ in }
            return Output.Result(text: "\(workload) may renew again") { $0.field("workload", workload.description) }
        }
    }
}
