// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import MeshModel

/// `weft ca status`.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Show the certificates of the control plane's own authority, and the rotation of its root.",
        discussion: """
            The SHA-256 of the root is what `weft login --root-digest` takes.

            EXAMPLE
              weft ca status
            """)

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("ca status") { client throws(Problems) in
            let answer = try await client.get("/v1/ca")
            let rotation = try await client.get("/v1/ca/rotation")
            var table = Table("CERTIFICATE", "STEP", "UNTIL", "SHA-256")
            for certificate in answer.list("certificates") {
                table.add(
                    certificate.text("role"), certificate.text("step"), certificate.text("notAfter"),
                    certificate.text("fingerprint"))
            }
            var lines = [table.text(ifEmpty: "there is no authority yet")]
            if let next = rotation.text("next").nonempty { lines.append("next step of a rotation: \(next)") }
            let missing = rotation.texts("missing")
            if !missing.isEmpty { lines.append("it waits for \(missing.joined(separator: ", "))") }
            return Output.Result(text: lines.joined(separator: "\n")) { json in
                json.fields(of: answer)
                json.field("rotation", rotation)
            }
        }
    }
}

/// `weft ca rotate`.
struct RotateCommand: AsyncParsableCommand {
    enum Step: String, CaseIterable, ExpressibleByArgument {
        case stage
        case trust
        case sign
        case retire
        case cut
    }

    static let configuration = CommandConfiguration(
        commandName: "rotate",
        abstract: "Take a step in the rotation of the control plane's root.",
        discussion: """
            The steps are stage (make the next root), trust (everybody trusts both), sign (certificates come from the new one) \
            and retire (nobody is let in by the old one). A step is refused while somebody has not taken the one before; \
            `weft ca status` names whom.

            What was open when the old root was retired goes on until the certificates end that it was made with. Where the \
            old root's key was stolen, cut ends that too.

            EXAMPLE
              weft ca rotate stage
              weft ca rotate retire --force
            """)

    @Argument(help: ArgumentHelp("One of stage, trust, sign, retire and cut.", valueName: "step"))
    var step: Step

    @Flag(help: "Although somebody has not taken the step before: he will be cut off.")
    var force = false

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("ca rotate") { client throws(Problems) in
            try await client.put(
                "/v1/ca/rotation/\(step.rawValue)", query: [("force", force ? "true" : nil)], type: "application/json")
            let rotation = try await client.get("/v1/ca/rotation")
            let next = rotation.text("next").nonempty.map { "; next: \($0)" } ?? ""
            return Output.Result(text: "the root's rotation has taken the step \(step.rawValue)\(next)") { json in
                json.field("step", step.rawValue)
                json.field("rotation", rotation)
            }
        }
    }
}

/// `weft ca csr`.
struct CSRCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "csr",
        abstract: "Print a signing request for the intermediate of the replica that answers.",
        discussion: """
            For a mesh whose root's key is elsewhere. What `weft ca sign` makes of it there comes back by `weft ca install`.

            EXAMPLE
              weft ca csr > control-1.csr
            """)

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("ca csr") { client throws(Problems) in
            let request = try await client.text("/v1/ca/csr")
            return Output.Result(text: String(request.trimmingSuffix { $0.isNewline })) { $0.field("csr", request) }
        }
    }
}

/// `weft ca install`.
struct InstallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install",
        abstract: "Bring the intermediate's certificate that `weft ca sign` has made.",
        discussion: """
            EXAMPLE
              weft ca install control-1.pem
            """)

    @Argument(help: ArgumentHelp("The certificate, in PEM.", valueName: "file"), transform: Values.path)
    var file: String

    @OptionGroup var control: ControlOptions

    func run() async throws {
        try await control.report("ca install") { client throws(Problems) in
            let text: String
            do throws(Problem) { text = try PEMFile.text(file, .authority) } catch { throw Problems(error) }
            try await client.put("/v1/ca/intermediate", Array(text.utf8), type: "application/x-pem-file")
            return Output.Result(text: "the intermediate is in use") { $0.field("installed", file) }
        }
    }
}

extension String {
    /// Without what it ends in.
    fileprivate func trimmingSuffix(_ isOver: (Character) -> Bool) -> Substring {
        var rest = self[...]
        while let last = rest.last, isOver(last) { rest.removeLast() }
        return rest
    }
}
