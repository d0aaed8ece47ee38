// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import MeshModel

/// `weft leave`.
struct LeaveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leave",
        abstract: "Take this machine's identity away, or a workload out of the mesh.",
        discussion: """
            Without --workload it removes the identity from the state directory here; stop the proxy first. With --workload it \
            tells the control plane, from anywhere: the workload's certificate is denied, and it can come back only with a new \
            token.

            EXAMPLE
              weft leave
              weft leave --workload default/web-1
            """)

    @Option(help: ArgumentHelp("The proxy's state directory.", valueName: "dir"), transform: Values.path)
    var state = "/var/lib/weft"

    @Option(
        help: ArgumentHelp("A workload that is to leave, told to the control plane.", valueName: "namespace/name"),
        transform: Values.reference)
    var workload: ResourceReference?

    @OptionGroup var control: ControlOptions

    func run() async throws {
        guard let workload else { return try await leaveHere() }
        try await control.report("leave") { client throws(Problems) in
            try await client.delete("/v1/members/\(workload)")
            return Output.Result(text: "\(workload) has left; its certificate is denied") { json in
                json.field("workload", workload.description)
            }
        }
    }

    private func leaveHere() async throws {
        try await control.output.report("leave") { () async throws(Problem) in
            let identity = try StateDirectory.identity(in: state)
            try StateDirectory.forget(in: state)
            let text = """
                removed the identity of \(identity) from \(state)
                its certificate holds until it ends; `weft leave --workload NAMESPACE/NAME` denies it now
                """
            return Output.Result(text: text) { json in
                json.field("identity", identity.description)
                json.field("directory", state)
            }
        }
    }
}

extension Values {
    /// `namespace/name`, or `name` alone in the default namespace.
    static func reference(_ text: String) throws -> ResourceReference {
        try read(text, "a name such as default/web-1") { text in
            ResourceReference(text) ?? ResourceName(text).map { ResourceReference(name: $0) }
        }
    }
}
