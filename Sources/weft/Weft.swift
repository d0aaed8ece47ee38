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
              weft apply -f mesh.yaml --wait
              weft can web api GET /items

            EXIT CODES
              0  done (`can`, `why`: allowed)
              1  failed; the message begins with a code, WEFTnnnn (`can`, `why`: denied)
              2  the command line is wrong
              3  done, but some proxies have not acknowledged it in time
              4  done, but some proxies have refused it
            """,
        version: "weft \(WeftVersion.text)",
        groupedSubcommands: [
            CommandGroup(
                name: "Configuration",
                subcommands: [
                    ApplyCommand.self, DiffCommand.self, GetCommand.self, DescribeCommand.self, DeleteCommand.self,
                    HistoryCommand.self, RollbackCommand.self, AllowCommand.self, DenyCommand.self, CanCommand.self,
                    WhyCommand.self,
                ]),
            CommandGroup(
                name: "Workload",
                subcommands: [
                    JoinCommand.self, LeaveCommand.self, TokenCommand.self, IdentityCommand.self, ProxyCommand.self,
                ]),
            CommandGroup(
                name: "Control plane",
                subcommands: [
                    LoginCommand.self, LogoutCommand.self, CredentialCommand.self, AuditCommand.self, CheckCommand.self,
                ]),
            CommandGroup(
                name: "Offline",
                subcommands: [
                    DevCommand.self, CertificateAuthorityCommand.self, ImportCommand.self, CompletionCommand.self,
                    DevSampleCommand.self,
                ]),
        ])

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
