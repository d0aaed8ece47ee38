// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import LinuxSystem
import MeshModel

/// `weft ca create`.
struct CreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make a new authority for a trust domain.",
        discussion: """
            Writes root.pem, intermediate.pem, intermediate-key.pem and offline/root-key.pem; keys are readable by their \
            owner alone. Nothing is overwritten. The intermediate is held to the trust domain by a name constraint.

            Nobody watches an offline authority, so the intermediate lives for a year rather than the usual 90 days, and \
            every `issue` warns from the middle of that on. `renew` makes it live on.

            EXAMPLE
              weft ca create --trust-domain mesh.example --directory ca
              weft ca create --trust-domain mesh.example --directory ca --intermediate-lifetime 90d
            """)

    @Option(
        help: ArgumentHelp("The name of the authority's domain, as in spiffe://NAME/...", valueName: "name"),
        transform: Values.trustDomain)
    var trustDomain: TrustDomain

    @Option(
        help: ArgumentHelp("Where to write it; must not exist yet, or be empty.", valueName: "dir"),
        transform: Values.path)
    var directory: String

    @Option(
        help: ArgumentHelp("How long the root lives (default: 3650d).", valueName: "time"),
        transform: Values.authorityLifetime)
    var rootLifetime: Duration = CertificateLifetime.root

    @Option(
        help: ArgumentHelp("How long the intermediate lives (default: 365d).", valueName: "time"),
        transform: Values.authorityLifetime)
    var intermediateLifetime: Duration = CertificateLifetime.unattendedIntermediate

    @OptionGroup var output: Output

    func run() async throws {
        try await output.report("ca create") { () async throws(Problem) in
            let now = WallTime.now()
            let files = AuthorityDirectory(directory)
            let authority = try await files.create(
                trustDomain: trustDomain, rootLifetime: rootLifetime, intermediateLifetime: intermediateLifetime,
                now: now)
            let root = CertificateFacts(authority.root.certificate)
            let intermediate = CertificateFacts(authority.intermediate.certificate)
            let rootKey = files.file(AuthorityDirectory.rootKeyName)
            let text = """
                created the authority of \(trustDomain) in \(directory)
                  root          \(files.file(AuthorityDirectory.rootName)), until \(root.validity.notAfter)
                  intermediate  \(files.file(AuthorityDirectory.intermediateName)), until \(intermediate.validity.notAfter)
                  root's key    \(rootKey): take it away, only `weft ca renew` needs it
                """
            return Output.Result(text: text) { json in
                json.field("trustDomain", trustDomain.name)
                json.field("directory", directory)
                json.field("rootKey", rootKey)
                json.key("root")
                json.object { $0.fields(root, now: now) }
                json.key("intermediate")
                json.object { $0.fields(intermediate, now: now) }
            }
        }
    }
}
