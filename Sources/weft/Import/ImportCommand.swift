// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser

/// `weft import`.
struct ImportCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Make Weft's configuration from that of another proxy.",
        discussion: """
            EXAMPLE
              weft import envoy front-proxy.yaml --output gateway.yaml
            """,
        subcommands: [EnvoyCommand.self])
}
