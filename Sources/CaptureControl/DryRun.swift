// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import CommandLine
internal import MeshModel
internal import Redirection

/// `weft-init apply --dry-run`: what would be given to iptables-restore in a namespace without rules of ours. Looks at
/// nothing but the configuration, so it needs no privilege and runs anywhere.
struct DryRun {
    private let plans: [AddressFamily: RedirectPlan]
    private let families: [AddressFamily]
    private let console: Console

    init(_ arguments: Arguments, _ console: Console) throws(Problems) {
        self.console = console
        plans = try CaptureRequest(arguments).plans()
        var reader = OptionReader(arguments)
        let only = reader.read("--family", "one of ipv4, ipv6") { AddressFamily(word: $0) }
        try reader.finish()
        families = only.map { [$0] } ?? [.ipv6, .ipv4]
    }

    func run() -> ExitCode {
        for family in families {
            let program = family == .ipv4 ? "iptables-restore" : "ip6tables-restore"
            console.line("# \(family): \(program) --noflush\n\(text(family))")
        }
        return console.finish("apply", .done) { json in
            json.field("dryRun", true)
            json.key("families")
            json.array(families) { json, family in
                json.object { json in
                    json.field("family", family.word)
                    json.field("restore", text(family))
                    json.key("rules")
                    json.beginArray()
                    for table in plans[family]?.tables ?? [] { json.rules(of: table) }
                    json.endArray()
                }
            }
        }
    }

    private func text(_ family: AddressFamily) -> String {
        (plans[family]?.tables ?? []).compactMap { table in
            Convergence.text(from: nil, to: OwnRules(table) { _ in .none })
        }.joined()
    }
}
