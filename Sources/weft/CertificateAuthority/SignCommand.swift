// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import LinuxSystem
import MeshModel

/// `weft ca sign`.
struct SignCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sign",
        abstract: "Sign what `weft ca csr` asks for, where the root's key is.",
        discussion: """
            Of the request only the key is believed: what is signed is an intermediate of the root's trust domain that can \
            sign no further one. The directory needs root.pem and the root's key, nothing else.

            EXAMPLE
              weft ca sign control-1.csr --directory ca --root-key /media/safe/root-key.pem > control-1.pem
            """)

    @Argument(help: ArgumentHelp("The request, in PEM.", valueName: "file"), transform: Values.path)
    var request: String

    @OptionGroup var root: RootOptions

    @Option(
        help: ArgumentHelp("How long the intermediate lives from now (default: 90d).", valueName: "time"),
        transform: Values.authorityLifetime)
    var lifetime: Duration = CertificateLifetime.attendedIntermediate

    @OptionGroup var output: Output

    func run() async throws {
        try await output.report("ca sign") { () async throws(Problem) in
            let now = WallTime.now()
            let key = try CertificateRequest(pem: try PEMFile.text(request, .authority)).publicKey
            let authority = try AuthorityDirectory(root.directory).rootAuthority(keyPath: root.rootKey)
            let certificate = try authority.signIntermediate(key, lifetime: lifetime, now: now)
            let facts = CertificateFacts(certificate)
            return Output.Result(text: String(certificate.pem.dropLast())) { json in
                json.field("certificate", certificate.pem)
                json.key("intermediate")
                json.object { $0.fields(facts, now: now) }
            }
        }
    }
}
