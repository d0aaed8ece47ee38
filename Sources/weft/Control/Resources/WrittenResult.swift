// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import ControlAPI
import MeshModel
import ResourceDocuments

/// What the control plane says of a write.
struct WrittenResult {
    let answer: Node
    let revision: UInt64

    init(_ answer: Node) throws(Problems) {
        self.answer = answer
        revision = try answer.requiredNumber("revision")
    }

    /// False where everything was as it should be already, and on a trial.
    var isWritten: Bool { answer.isTrue("written") }

    var warnings: [Problem] {
        answer.list("warnings").map { item in
            let code = item.text("code")
            let number = code.hasPrefix("WEFT") ? UInt16(code.dropFirst(4)) : nil
            return Problem(
                number.flatMap { ErrorCode(rawValue: $0) } ?? .controlAnswer, at: item.text("place").nonempty,
                item.text("message"), remedy: item.text("remedy").nonempty)
        }
    }

    /// `created`, `changed`, `deleted` with what; how many others are unchanged.
    var lines: [String] {
        let changes = answer.list("changes")
        var lines = changes.filter { $0.text("action") != "unchanged" }.map {
            "\($0.text("action").padded(to: 8)) \($0.text("resource"))"
        }
        let unchanged = changes.count { $0.text("action") == "unchanged" }
        if unchanged > 0 { lines.append("unchanged \(unchanged)") }
        return lines
    }

    func revisionLine(isTrial: Bool) -> String {
        if isTrial { return "nothing was written; the mesh is at revision \(revision)" }
        return isWritten ? "revision \(revision)" : "nothing to change; the mesh is at revision \(revision)"
    }

    /// The result of the command: with what came of waiting, where it waited.
    func result(isTrial: Bool = false, waited: RevisionWait.Outcome? = nil, extra: [String] = []) -> Output.Result {
        var all = extra + lines + [revisionLine(isTrial: isTrial)]
        if let waited { all.append(waited.sentence) }
        return Output.Result(
            text: all.joined(separator: "\n"), warnings: warnings + (waited?.warnings ?? []),
            exitCode: waited?.exitCode ?? 0
        ) { json in
            json.field("revision", revision)
            json.field("written", isWritten)
            for name in ["changes", "effects"] {
                if let node = answer[name] { json.field(name, node) }
            }
            if let waited {
                json.key("progress")
                waited.progress.write(into: &json)
                json.field("milliseconds", waited.milliseconds)
            }
        }
    }
}
