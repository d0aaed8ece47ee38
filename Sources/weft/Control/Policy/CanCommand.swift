// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import MeshModel

/// `weft can`.
struct CanCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "can",
        abstract: "Ask whether a request would be allowed, and by which rule.",
        discussion: """
            Routes and policies are those of the mesh as it is, judged as the proxies judge them. Where a request may reach \
            several endpoints, all of them have to allow it. The exit code is 0 for allowed and 1 for denied.

            EXAMPLE
              weft can web api GET /items
              weft can spiffe://mesh.example/ns/shop/sa/cart default/api POST /orders -H "x-tenant: blue"
            """)

    @OptionGroup var call: CallOptions

    @Argument(help: ArgumentHelp("The request's method.", valueName: "method"))
    var method: String

    @Argument(help: ArgumentHelp("The request's path.", valueName: "path"))
    var path: String

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("can") { client throws(Problems) in
            let verdict = CallVerdict(answer: try await call.ask(client, method: method, path: path))
            return verdict.result(verdict.lines)
        }
    }
}

/// `weft why`.
struct WhyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why",
        abstract: "Show how a call would go: caller, route, backends, and what each endpoint decides.",
        discussion: """
            Without a method and a path it asks about a connection: a rule that needs a request to decide then says `perhaps`. \
            The exit code is that of `weft can`.

            EXAMPLE
              weft why web api
              weft why web api GET /items --port 80
            """)

    @OptionGroup var call: CallOptions

    @Argument(help: ArgumentHelp("The request's method.", valueName: "method"))
    var method: String?

    @Argument(help: ArgumentHelp("The request's path.", valueName: "path"))
    var path: String?

    @OptionGroup var control: ControlOptions

    func validate() throws {
        if method != nil, path == nil { throw ValidationError("Give a path with the method.") }
    }

    func run() async throws {
        try await control.report("why") { client throws(Problems) in
            let verdict = CallVerdict(answer: try await call.ask(client, method: method, path: path))
            return verdict.result(verdict.lines + verdict.details)
        }
    }
}
