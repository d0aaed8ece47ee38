// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import MeshModel

/// `weft ca`.
struct CertificateAuthorityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ca",
        abstract:
            "An offline certificate authority: a directory of files and no server; `status` is of the online one.",
        discussion: """
            `create` makes a root and an intermediate, `issue` makes a workload's certificate from them. The root's key \
            is needed only to `renew` the intermediate, or to `sign` that of a control plane, and lies in a directory of its own that can be carried away.

            EXAMPLE
              weft ca create --trust-domain mesh.example --directory ca
              weft ca issue --directory ca --service-account web --output web
            """,
        subcommands: [CreateCommand.self, IssueCommand.self, RenewCommand.self, SignCommand.self, ShowCommand.self],
        groupedSubcommands: [
            CommandGroup(
                name: "Online",
                subcommands: [StatusCommand.self, RotateCommand.self, CSRCommand.self, InstallCommand.self])
        ])
}

/// Where an authority lies, for what takes its root's key.
struct RootOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The authority's directory.", valueName: "dir"), transform: Values.path)
    var directory: String

    @Option(
        help: ArgumentHelp("The root's key (default: DIR/offline/root-key.pem).", valueName: "file"),
        transform: Values.path)
    var rootKey: String?
}

extension JSONWriter {
    /// The fields of a certificate within an object.
    mutating func fields(_ facts: CertificateFacts, now: WallTime) {
        field("role", facts.role.rawValue)
        key("names")
        array(facts.names) { $0.string($1) }
        field("notBefore", facts.validity.notBefore.description)
        field("notAfter", facts.validity.notAfter.description)
        field("expired", now > facts.validity.notAfter)
        field("serialNumber", facts.serialNumber)
        field("keyIdentifier", ifPresent: facts.keyIdentifier)
        field("sha256", facts.fingerprint)
        field("bytes", facts.byteCount)
    }
}
