// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import LinuxSystem
import MeshModel

/// `weft ca renew`.
struct RenewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Let an authority's intermediate live on.",
        discussion: """
            Signs the intermediate's key once more with the root's key and swaps intermediate.pem. No key changes, and \
            certificates that were issued stay good as long as they would have been.

            EXAMPLE
              weft ca renew --directory ca --root-key /media/safe/offline/root-key.pem
            """)

    @OptionGroup var root: RootOptions

    @Option(
        help: ArgumentHelp("How long the intermediate lives from now (default: 365d).", valueName: "time"),
        transform: Values.authorityLifetime)
    var lifetime: Duration = CertificateLifetime.unattendedIntermediate

    @OptionGroup var output: Output

    func run() async throws {
        try await output.report("ca renew") { () async throws(Problem) in
            let now = WallTime.now()
            let files = AuthorityDirectory(root.directory)
            let renewed = try files.renewIntermediate(rootKeyPath: root.rootKey, lifetime: lifetime, now: now)
            let intermediate = CertificateFacts(renewed.certificate)
            let path = files.file(AuthorityDirectory.intermediateName)
            return Output.Result(text: "renewed \(path), until \(intermediate.validity.notAfter)") { json in
                json.field("trustDomain", renewed.trustDomain.name)
                json.field("directory", root.directory)
                json.key("intermediate")
                json.object { $0.fields(intermediate, now: now) }
            }
        }
    }
}
