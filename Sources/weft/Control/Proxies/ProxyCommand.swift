// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import MeshModel
import ResourceDocuments

/// `weft proxy`.
struct ProxyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy",
        abstract: "The proxies that are connected: how far they are, what they hold, what they log.",
        discussion: """
            EXAMPLE
              weft proxy status
              weft proxy config default/web-1
              weft proxy log default/web-1 debug
            """,
        subcommands: [ProxyStatusCommand.self, ProxyConfigCommand.self, ProxyLogCommand.self])
}

struct ProxyStatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "List the proxies with the revision that each has acknowledged.",
        discussion: """
            EXAMPLE
              weft proxy status
            """)

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("proxy status") { client throws(Problems) in
            try await ProxyListing.result(client, ListingFilter())
        }
    }
}

struct ProxyConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Print what a proxy has been told of the mesh.",
        discussion: """
            EXAMPLE
              weft proxy config default/web-1
            """)

    @Argument(help: ArgumentHelp("The workload.", valueName: "namespace/name"), transform: Values.reference)
    var workload: ResourceReference

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("proxy config") { client throws(Problems) in
            let answer = try await client.get("/v1/proxies/\(workload)/config")
            let documents = answer.list("resources")
            return Output.Result(
                text: String(YAMLText.stream(documents).dropLast()), documents: documents
            ) { $0.fields(of: answer) }
        }
    }
}

struct ProxyLogCommand: AsyncParsableCommand {
    enum Level: String, CaseIterable, ExpressibleByArgument {
        case error
        case warn
        case info
        case debug
        case trace
    }

    static let configuration = CommandConfiguration(
        commandName: "log",
        abstract: "Set how much a proxy logs, until it starts again.",
        discussion: """
            EXAMPLE
              weft proxy log default/web-1 debug
            """)

    @Argument(help: ArgumentHelp("The workload.", valueName: "namespace/name"), transform: Values.reference)
    var workload: ResourceReference

    @Argument(help: ArgumentHelp("One of error, warn, info, debug, trace.", valueName: "level"))
    var level: Level

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("proxy log") { client throws(Problems) in
            try await client.post("/v1/proxies/\(workload)/log") { $0.field("level", level.rawValue) }
            return Output.Result(text: "\(workload) logs at \(level)") { json in
                json.field("workload", workload.description)
                json.field("level", level.rawValue)
            }
        }
    }
}

/// The proxies of the whole mesh as a table.
enum ProxyListing {
    static func result(_ client: ControlClient, _ filter: ListingFilter) async throws(Problems) -> Output.Result {
        let answer = try await client.get("/v1/proxies")
        let revision = answer.number("revision")
        var table = Table("WORKLOAD", "STATE", "REVISION", "VERSION", "ADDRESSES", "SINCE", "REPLICA")
        for proxy in answer.list("proxies") where filter.takes(proxy) {
            table.add(
                "\(proxy.text("namespace"))/\(proxy.text("name"))", ProxyState(proxy).word,
                proxy["acknowledgedRevision"]?.scalarText ?? "", proxy.text("version"),
                proxy.texts("addresses").joined(separator: ","), proxy.text("since"), proxy.text("replica"))
        }
        return Output.Result(
            text: table.text(ifEmpty: "no proxy is connected") + "\nthe mesh is at revision \(revision)"
        ) { $0.fields(of: answer) }
    }
}

/// How far a proxy is.
enum ProxyState {
    case synced
    case late
    case rejected(String)
    /// It is connected to another replica than the one that answers, which does not know.
    case elsewhere

    init(_ proxy: Node) {
        if let rejected = proxy["rejected"] {
            let reason = rejected.list("reasons").first
            self = .rejected(
                reason.map { "\($0.text("resource")): \($0.text("code")) \($0.text("message"))" } ?? "without a reason")
        } else if proxy["synced"] == nil {
            self = .elsewhere
        } else {
            self = proxy.isTrue("synced") ? .synced : .late
        }
    }

    var word: String {
        switch self {
        case .synced: "synced"
        case .late: "late"
        case .rejected(let reason): "rejected (\(reason))"
        case .elsewhere: "with another replica"
        }
    }
}
