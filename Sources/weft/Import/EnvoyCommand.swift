// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import EnvoyImport
import LinuxSystem
import MeshModel

/// `weft import envoy`.
struct EnvoyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "envoy",
        abstract: "Make Weft's configuration from a static bootstrap file of Envoy (API v3, YAML or JSON).",
        discussion: """
            Listeners become Gateways, virtual hosts HTTPRoutes, TCP proxies TCPRoutes and TLSRoutes, clusters Services; \
            a Proxy is added, so that `weft-proxy run --config` takes the result as it is. docs/import-envoy.md says what \
            becomes of each field.

            What cannot be carried over is an error with its path, line and column, the reason and what to do instead. \
            All of them are told in one pass, and nothing is written if there is one. What is left out because nothing \
            depends on it, or is a little different here, is a warning.

            With --partial the errors become warnings, what they are about is left out, the rest is written, and the \
            exit code is 0.

            EXAMPLE
              weft import envoy front-proxy.yaml
              weft import envoy front-proxy.yaml --output gateway.yaml
              weft-proxy check --config gateway.yaml
            """)

    @Argument(
        help: ArgumentHelp("The bootstrap file; `-` reads standard input.", valueName: "file"), transform: Values.path)
    var file: String

    @Option(
        help: ArgumentHelp("Write to this file instead of standard output.", valueName: "file"), transform: Values.path)
    var output: String?

    @Flag(help: "Replace the file of --output if it is there.")
    var force = false

    @Flag(help: "Write what can be carried over, and warn of the rest.")
    var partial = false

    @OptionGroup var results: Output

    func validate() throws {
        if force, output == nil { throw ValidationError("--force is for the file of --output, which is not given.") }
    }

    func run() async throws {
        try await results.reportAll("import envoy") { () async throws(Problems) in
            let name = file == "-" ? "/dev/stdin" : file
            let imported = try read(name)
            if !partial, !imported.errors.isEmpty { throw Problems(imported.errors) }
            let warnings = imported.errors + imported.notes
            guard let output else {
                // The writer of results ends the text with a line feed.
                return Output.Result(text: String(imported.text.dropLast()), warnings: warnings) { json in
                    json.field("configuration", imported.text)
                }
            }
            do throws(Problem) {
                try write(imported.text, to: output)
            } catch {
                throw Problems(error)
            }
            return Output.Result(text: "wrote \(output)", warnings: warnings) { $0.field("output", output) }
        }
    }

    private func read(_ name: String) throws(Problems) -> ImportedConfiguration {
        let bytes: [UInt8]
        do throws(SystemError) {
            bytes = try Files.read(name, limit: EnvoyBootstrap.byteLimit).bytes
        } catch {
            throw Problems(
                Problem(
                    .fileUnreadable, at: name, "cannot be read: \(error.errno)",
                    remedy: "check the path and its permissions"))
        }
        do throws(Problem) {
            return try EnvoyBootstrap.read(bytes, name: name)
        } catch {
            throw Problems(error)
        }
    }

    /// As a whole or not at all: what was there stays until the new file is complete.
    private func write(_ text: String, to path: String) throws(Problem) {
        guard force || !Files.exists(path) else {
            throw Problem(.wouldOverwrite, at: path, "is there already", remedy: "give --force to replace it")
        }
        let fresh = force ? "\(path).new" : path
        do throws(SystemError) {
            if force, Files.exists(fresh) { try Files.remove(fresh) }
            try Files.create(fresh, permissions: 0o644, Array(text.utf8))
            if force { try Files.rename(fresh, to: path) }
        } catch {
            throw Problem(
                .writeFailed, at: path, "cannot be written: \(error.errno)",
                remedy: "check the directory and its permissions")
        }
    }
}
