// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import LinuxSystem

/// `weft completion`.
struct CompletionCommand: ParsableCommand {
    enum Shell: String, CaseIterable, ExpressibleByArgument {
        case bash
        case zsh
        case fish
    }

    static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print a script that completes this command in a shell.",
        discussion: """
            EXAMPLE
              weft completion bash > /etc/bash_completion.d/weft
              weft completion fish > ~/.config/fish/completions/weft.fish
            """)

    @Argument(help: ArgumentHelp("One of bash, zsh and fish.", valueName: "shell"))
    var shell: Shell

    func run() throws {
        let script =
            switch shell {
            case .bash: Weft.completionScript(for: .bash)
            case .zsh: Weft.completionScript(for: .zsh)
            case .fish: Weft.completionScript(for: .fish)
            }
        StandardStream.output.write(script + "\n")
    }
}
