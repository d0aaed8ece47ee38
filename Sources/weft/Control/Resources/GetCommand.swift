// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import MeshModel

/// `weft get`.
struct GetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "get",
        abstract: "List resources, and whatever else the control plane knows.",
        discussion: """
            Kinds are written in any case, in the singular or plural: mesh, workloads, services, trusts, httproutes, \
            grpcroutes, tlsroutes, tcproutes, gateways, filters, policies; beside them proxies, members, tokens, revisions and \
            credentials. With -o yaml resources come as documents that `weft apply` takes.

            EXAMPLE
              weft get services
              weft get policies -n shop
              weft get httproute checkout --revision 41 -o yaml
            """)

    @Argument(help: ArgumentHelp("What to list.", valueName: "kind"), transform: Values.listing)
    var kind: Listing

    @Argument(help: ArgumentHelp("Only the one of this name.", valueName: "name"))
    var name: String?

    @Option(
        name: [.customShort("n"), .long],
        help: ArgumentHelp("Only what is in this namespace (of one name: default).", valueName: "name"),
        transform: Values.name)
    var namespace: ResourceName?

    @Option(help: ArgumentHelp("As it was in this revision.", valueName: "number"))
    var revision: UInt64?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("get") { client throws(Problems) in
            try await kind.result(client, ListingFilter(namespace: namespace, name: name, revision: revision))
        }
    }
}

/// `weft history`.
struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "List the revisions that are kept, newest first.",
        discussion: """
            EXAMPLE
              weft history
            """)

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("history") { client throws(Problems) in
            try await Listing.revisions.result(client, ListingFilter())
        }
    }
}

extension Values {
    static func listing(_ text: String) throws -> Listing {
        let words = Listing.words.map(\.word)
        let nearest = nearest(to: text, among: words)
        let shown = words.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        return try read(text, "one of \(shown.joined(separator: ", "))\(nearest)") { Listing($0) }
    }

    /// What was probably meant: something that is nearly the same, or what the letters are taken from, such as `svc`.
    private static func nearest(to text: String, among words: [String]) -> String {
        let letters = text.lowercased()
        let whole = words.first { word in
            var rest = word.lowercased()[...]
            return letters.count > 1 && letters.first == rest.first
                && letters.allSatisfy { letter in
                    guard let place = rest.firstIndex(of: letter) else { return false }
                    rest = rest[rest.index(after: place)...]
                    return true
                }
        }
        return (Spelling.nearest(to: letters, among: words) ?? whole).map { "; did you mean `\($0)`?" } ?? ""
    }

    static func resourceKind(_ text: String) throws -> ResourceKind {
        let known = ResourceKind.allCases.map(\.rawValue)
        let nearest = nearest(to: text, among: known)
        return try read(text, "one of \(known.joined(separator: ", "))\(nearest)") { text in
            if case .resources(let kind) = Listing(text) { kind } else { nil }
        }
    }
}
