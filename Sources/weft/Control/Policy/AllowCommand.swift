// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import MeshModel
import ResourceDocuments

/// What `weft allow` and `weft deny` have in common.
struct RuleOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Who calls: a workload or a service, NAME or NAMESPACE/NAME, or a SPIFFE ID.", valueName: "from"))
    var from: String

    @Argument(
        help: ArgumentHelp("The service that is called: NAME or NAMESPACE/NAME.", valueName: "to"),
        transform: Values.reference)
    var to: ResourceReference

    @Option(help: ArgumentHelp("Only this method; may be given several times.", valueName: "method"))
    var method: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only this path, or what is below it: /items or /items/*; may be given several times.", valueName: "path"))
    var path: [String] = []

    @Option(
        help: ArgumentHelp("The policy's name (default: made of both names, methods and paths).", valueName: "name"),
        transform: Values.name)
    var name: ResourceName?

    @Flag(help: "Print the policy and what would change, without writing.")
    var dryRun = false

    @OptionGroup var waiting: WaitOptions

    @OptionGroup var control: ControlOptions

    func validate() throws {
        guard from != "nobody" else {
            throw ValidationError("`nobody` has no identity: write a Policy with `unauthenticated: true`.")
        }
        guard path.allSatisfy({ $0.hasPrefix("/") }) else { throw ValidationError("A path begins with a slash.") }
        if dryRun, waiting.wait { throw ValidationError("--wait does not go with --dry-run, which writes nothing.") }
    }

    func run(_ effect: Policy.Effect) async throws {
        try await control.report(effect.rawValue) { client throws(Problems) in
            let policy = try await PolicyDraft(self, effect, client)
            let preview = try await client.post("/v1/diff", policy.text, type: "application/json")
            var table = Table("FROM", "TO", "NOW", "THEN")
            for change in preview.list("effects") {
                table.add(change.text("from"), change.text("to"), change.text("before"), change.text("after"))
            }
            let written =
                dryRun
                ? try WrittenResult(preview)
                : try WrittenResult(try await client.post("/v1/apply", policy.text, type: "application/json"))
            let waited = dryRun ? nil : try await waiting.run(written, client)
            let shown = [policy.yaml, table.text(ifEmpty: "nobody connected is treated otherwise"), ""]
            var result = written.result(isTrial: dryRun, waited: waited, extra: shown)
            result.documents = policy.node.map { [$0] }
            return result
        }
    }
}

/// A policy of one rule.
struct PolicyDraft {
    let text: [UInt8]
    let node: Node?

    var yaml: String { node.map { YAMLText.document($0) } ?? "" }

    /// Asks the control plane who the caller is; it says, too, where there is no such service.
    init(_ options: RuleOptions, _ effect: Policy.Effect, _ client: ControlClient) async throws(Problems) {
        let question = try await client.post("/v1/can") { json in
            json.field("from", options.from)
            json.field("to", options.to.description)
        }
        let identity = try question?.required("identity") ?? ""
        let name = try Self.name(options, effect)
        var json = JSONWriter()
        json.object { json in
            json.field("kind", "Policy")
            json.key("metadata")
            json.object { json in
                json.field("name", name.text)
                if options.to.namespace != .defaultNamespace { json.field("namespace", options.to.namespace.text) }
            }
            json.key("spec")
            json.object { json in
                json.key("target")
                json.object { $0.field("service", options.to.name.text) }
                json.key("rules")
                json.array([0]) { json, _ in json.object { Self.rule(options, effect, identity, &$0) } }
            }
        }
        text = json.bytes
        node = (try? YAMLReader.documents(json.bytes, name: "policy"))?.first
    }

    private static func rule(
        _ options: RuleOptions, _ effect: Policy.Effect, _ identity: String, _ json: inout JSONWriter
    ) {
        json.field("effect", effect.rawValue)
        json.key("from")
        json.array([identity]) { json, identity in json.object { $0.field("identity", identity) } }
        guard !options.method.isEmpty || !options.path.isEmpty else { return }
        json.key("http")
        json.array([0]) { json, _ in
            json.object { json in
                if !options.method.isEmpty {
                    json.key("methods")
                    json.array(options.method) { $0.string($1.uppercased()) }
                }
                if !options.path.isEmpty {
                    json.key("paths")
                    json.array(options.path) { json, path in
                        let isPrefix = path.hasSuffix("/*")
                        let value = isPrefix ? String(path.dropLast(2)) : path
                        json.object { json in
                            json.field("type", isPrefix ? "PathPrefix" : "Exact")
                            json.field("value", value.isEmpty ? "/" : value)
                        }
                    }
                }
            }
        }
    }

    /// The same words give the same name, so that saying a thing twice is saying it once.
    private static func name(_ options: RuleOptions, _ effect: Policy.Effect) throws(Problems) -> ResourceName {
        if let name = options.name { return name }
        let caller =
            options.from.hasPrefix("spiffe://") ? String(options.from.split(separator: "/").last ?? "") : options.from
        let words = [effect.rawValue, caller, options.to.name.text] + options.method + options.path
        let slug = words.map { word in
            word.lowercased().split { !$0.isASCII || !($0.isLetter || $0.isNumber) }.joined(separator: "-")
        }.filter { !$0.isEmpty }.joined(separator: "-")
        guard let name = ResourceName(slug) else {
            throw Problems(
                Problem(
                    .badValue, at: "--name", "`\(slug)` cannot be the policy's name", remedy: "give one with --name"))
        }
        return name
    }
}

/// `weft allow`.
struct AllowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allow",
        abstract: "Write a policy that lets one caller in.",
        discussion: """
            A service that has an allow rule is closed to everybody else. So the pairs whose verdict changes are printed with \
            the policy: look at them with --dry-run first.

            EXAMPLE
              weft allow web api --dry-run
              weft allow web api --method GET --path "/items/*"
            """)

    @OptionGroup var rule: RuleOptions

    func run() async throws { try await rule.run(.allow) }
}

/// `weft deny`.
struct DenyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deny",
        abstract: "Write a policy that keeps one caller out.",
        discussion: """
            A deny rule decides before any allow rule.

            EXAMPLE
              weft deny batch api
            """)

    @OptionGroup var rule: RuleOptions

    func run() async throws { try await rule.run(.deny) }
}
