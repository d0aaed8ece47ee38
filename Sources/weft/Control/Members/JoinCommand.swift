// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import ControlAPI
import FoundationEssentials
import LinuxSystem
import MeshModel

/// `weft join`.
struct JoinCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Make this machine a workload of the mesh.",
        discussion: """
            Makes a key here, proves the control plane by the token's root, and exchanges the token for a certificate. Chain, \
            key and bundle go to `identity` in the state directory, where the proxy finds them and renews them. Where there is \
            no configuration of a proxy yet, one is written.

            A token that was used is good for the same key only. If the answer is lost, run the same command again: the key \
            is kept until it has been answered.

            EXAMPLE
              weft join "$(cat token)" --name web-1
              weft join - --state /var/lib/weft --owner 2102 < token
            """)

    @Argument(
        help: ArgumentHelp("The token; - reads it from standard input (default: WEFT_TOKEN).", valueName: "token"))
    var token: String?

    @Option(help: ArgumentHelp("The workload's name (default: drawn).", valueName: "name"), transform: Values.name)
    var name: ResourceName?

    @Option(help: ArgumentHelp("The proxy's state directory.", valueName: "dir"), transform: Values.path)
    var state = "/var/lib/weft"

    @Option(
        help: ArgumentHelp(
            "Whom the proxy runs as, by number (default: 2102 for root, else you).", valueName: "uid[:gid]"),
        transform: Values.owner)
    var owner: FileOwner?

    @Option(
        help: ArgumentHelp(
            "The proxy's configuration, written where there is none (default: /etc/weft/proxy.yaml).",
            valueName: "file"),
        transform: Values.path)
    var config: String?

    @Flag(help: "In a configuration that is written, let the proxy answer questions about names of services.")
    var dns = false

    @OptionGroup var output: Output

    func validate() throws {
        if owner?.user == 0 { throw ValidationError("--owner 0: a proxy never runs as root.") }
    }

    private static let standardConfiguration = "/etc/weft/proxy.yaml"
    /// What the packages give the proxy.
    private static let standardUser: UInt32 = 2102

    func run() async throws {
        try await output.reportAll("join") { () async throws(Problems) in
            let owner = self.owner ?? FileOwner(user: Self.user, group: nil)
            let state = StateDirectory(state, owner: owner)
            let exchange: JoinExchange
            do throws(Problem) {
                exchange = try JoinExchange(token: try tokenText(), name: name, state: state)
            } catch {
                throw Problems(error)
            }
            let joined = try await exchange.run()
            var warnings: [Problem] = []
            var written: String?
            do throws(Problem) {
                written = try ProxyFile(joined, state: state.path, owner: owner, answersNames: dns).write(
                    to: config ?? Self.standardConfiguration)
            } catch {
                // The identity is there, and that is what the token was for.
                warnings.append(error)
            }
            return result(joined, state, written, warnings)
        }
    }

    private static var user: UInt32 { ThisProcess.isRoot ? standardUser : ThisProcess.effectiveUser }

    private func tokenText() throws(Problem) -> String {
        if token == "-" { return try StandardInput.line("the token") }
        if let token { return token }
        guard let token = ProcessInfo.processInfo.environment["WEFT_TOKEN"], !token.isEmpty else {
            throw Problem(
                .missingValue, at: "token", "there is none",
                remedy: "give it, or - and the token on standard input, or WEFT_TOKEN")
        }
        return token
    }

    private func result(
        _ joined: JoinAnswer, _ state: StateDirectory, _ written: String?, _ warnings: [Problem]
    ) -> Output.Result {
        let facts = SignedCertificate.all(inPEM: joined.chain)?.first.map { CertificateFacts($0) }
        let end = facts?.validity.notAfter.description ?? "?"
        let text = """
            joined as \(joined.workload), \(joined.identity)
              certificate    \(state.identityPath), until \(end)
              configuration  \(written ?? "\(config ?? Self.standardConfiguration), as it was")
              control plane  \(joined.control.map(\.description).joined(separator: ", "))
            """
        return Output.Result(text: text, warnings: warnings) { json in
            json.field("name", joined.workload.name.text)
            json.field("namespace", joined.workload.namespace.text)
            json.field("identity", joined.identity.description)
            json.field("directory", state.identityPath)
            json.field("notAfter", end)
            json.field("configuration", ifPresent: written)
            json.key("control")
            json.array(joined.control) { $0.string($1.description) }
        }
    }
}
