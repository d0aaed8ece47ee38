// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import MeshModel
import ResourceDocuments

/// A call that is asked about.
struct CallOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "Who calls: a workload or a service, NAME or NAMESPACE/NAME, a SPIFFE ID, or `nobody` for plaintext.",
            valueName: "from"))
    var from: String

    @Argument(help: ArgumentHelp("The service that is called: NAME or NAMESPACE/NAME.", valueName: "to"))
    var to: String

    @Option(help: ArgumentHelp("The service's port (default: all of them).", valueName: "port"))
    var port: UInt16?

    @Option(help: ArgumentHelp("The host that the request names (default: the service's name).", valueName: "name"))
    var host: String?

    @Option(
        name: [.customShort("H"), .long],
        help: ArgumentHelp("A header of the request, `name: value`; may be given several times.", valueName: "header"),
        transform: Values.header)
    var header: [(name: String, value: String)] = []

    func ask(_ client: ControlClient, method: String?, path: String?) async throws(Problems) -> Node {
        let answer = try await client.post("/v1/can") { json in
            json.field("from", from)
            json.field("to", to)
            if let port { json.field("port", port) }
            json.field("method", ifPresent: method?.uppercased())
            json.field("path", ifPresent: path)
            json.field("host", ifPresent: host)
            json.key("headers")
            json.array(header) { json, header in
                json.object { json in
                    json.field("name", header.name)
                    json.field("value", header.value)
                }
            }
        }
        guard let answer else { throw Problems(Problem(.controlAnswer, "the answer is empty")) }
        return answer
    }
}

extension Values {
    static func header(_ text: String) throws -> (name: String, value: String) {
        try read(text, "a header such as `x-tenant: blue`") { text in
            guard let colon = text.firstIndex(of: ":"), colon != text.startIndex else { return nil }
            let value = text[text.index(after: colon)...].drop { $0 == " " }
            return (String(text[..<colon]), String(value))
        }
    }
}

/// The answer to a question about a call, in words.
struct CallVerdict {
    let answer: Node

    var isAllowed: Bool { answer.isTrue("allowed") }

    /// One line for each port: the verdict, and the rules that decide.
    var lines: [String] {
        answer.list("ports").map { port in
            let word = port.isTrue("allowed") ? "allowed" : "denied"
            let reasons = Set(
                port.list("endpoints").filter { $0.text("allowed") == port.text("allowed") }.map { $0.text("reason") })
            let why =
                port.text("obstacle").nonempty
                ?? (port.isTrue("redirected") ? "redirected" : reasons.sorted().joined(separator: "; "))
            let route = port.text("route").nonempty.map { ", by route \($0)" } ?? ""
            return "\(word) on port \(port.text("port")): \(why)\(route)"
        }
    }

    /// Everything that was looked at, endpoint by endpoint.
    var details: [String] {
        var lines: [String] = []
        if let identity = answer.text("identity").nonempty { lines.append("caller    \(identity)") }
        for port in answer.list("ports") {
            lines.append("port      \(port.text("port"))")
            lines.append("  route     \(port.text("route").nonempty ?? "none: straight to the service")")
            if let obstacle = port.text("obstacle").nonempty { lines.append("  obstacle  \(obstacle)") }
            if port.isTrue("redirected") { lines.append("  answer    a redirect; nobody is called") }
            let total = port.list("backends").map { $0.number("weight") }.reduce(0, +)
            for backend in port.list("backends") {
                let share = total > 0 ? " (\(backend.number("weight") * 100 / total) %)" : ""
                lines.append("  backend   \(backend.text("service")):\(backend.text("port"))\(share)")
            }
            for endpoint in port.list("endpoints") {
                let word = endpoint.isTrue("allowed") ? "allowed" : "denied"
                let state = endpoint.isTrue("connected") ? "" : ", not connected"
                lines.append(
                    "  endpoint  \(endpoint.text("workload")):\(endpoint.text("port")) \(word): \(endpoint.text("reason"))\(state)"
                )
                if let audit = endpoint.text("audit").nonempty { lines.append("            audit: \(audit)") }
            }
        }
        return lines
    }

    func result(_ text: [String]) -> Output.Result {
        Output.Result(text: text.joined(separator: "\n").printableLines, exitCode: isAllowed ? 0 : 1) {
            $0.fields(of: answer)
        }
    }
}

extension String {
    /// Printable, but for the ends of lines.
    var printableLines: String {
        split(separator: "\n", omittingEmptySubsequences: false).map { String($0).printable }.joined(separator: "\n")
    }
}
