// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import Redirection

/// Rules as `--json` tells them.
extension JSONWriter {
    mutating func rules(of table: TablePlan) {
        for hook in table.hooks {
            object { json in
                json.field("table", table.table.rawValue)
                json.field("chain", hook.builtin)
                json.field("position", 1)
                json.field("reason", hook.reason.name)
                json.field("rule", hook.text(.none))
            }
        }
        for chain in table.chains {
            for (index, rule) in chain.rules.enumerated() {
                object { json in
                    json.field("table", table.table.rawValue)
                    json.field("chain", chain.name)
                    json.field("position", index + 1)
                    json.field("reason", rule.reason.name)
                    json.field("rule", rule.text)
                }
            }
        }
    }
}
