// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import LinuxSystem
import MeshModel

/// The operator's command.
@main
struct Weft: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weft",
        abstract: "The operator's command of the Weft service mesh.",
        discussion: """
            EXAMPLE
              weft ca create --trust-domain mesh.example --directory ca
              weft import envoy front-proxy.yaml --output gateway.yaml

            EXIT CODES
              0  done
              1  failed; the message begins with a code, WEFTnnnn
              2  the command line is wrong
            """,
        version: "weft \(WeftVersion.text)",
        subcommands: [CertificateAuthorityCommand.self, ImportCommand.self])

    /// In place of the library's own, whose exit codes are those of BSD's sysexits.
    static func main() async {
        do {
            var command = try parse()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            exit(withError: error)
        }
    }

    private static func parse() throws -> sending any ParsableCommand {
        do {
            return try parseAsRoot()
        } catch {
            // Help and completion scripts come as errors too; those end well.
            guard exitCode(for: error) != .success else { throw error }
            StandardStream.error.write(fullMessage(for: error) + "\n")
            throw ExitCode(2)
        }
    }
}
