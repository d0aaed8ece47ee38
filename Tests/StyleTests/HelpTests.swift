// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshTesting
import Testing

@Suite("Help")
struct HelpTests {
    private static let commands = [
        "weft-init apply", "weft-init verify", "weft-init explain", "weft-init status", "weft-init undo",
        "weft-proxy run", "weft-proxy check", "weft-proxy wait", "weft-proxy ready",
        "weft ca create", "weft ca issue", "weft ca renew", "weft ca show", "weft ca status", "weft ca rotate",
        "weft ca csr", "weft ca install", "weft import envoy",
        "weft apply", "weft diff", "weft get", "weft describe", "weft delete", "weft history", "weft rollback",
        "weft allow", "weft deny", "weft can", "weft why", "weft join", "weft leave", "weft login", "weft logout",
        "weft token create", "weft token list", "weft token delete", "weft identity list", "weft identity show",
        "weft identity deny", "weft identity permit", "weft identity thaw", "weft proxy status", "weft proxy config",
        "weft proxy log", "weft credential create", "weft credential list", "weft credential delete", "weft audit",
        "weft check", "weft completion",
    ]

    private func help(_ line: String) throws -> ChildResult {
        let words = line.split(separator: " ").map(String.init)
        return try ChildProcess.run(
            BuiltProgram.path(words[0]), Array(words.dropFirst()) + ["--help"], timeout: .seconds(20))
    }

    @Test("every command's help shows an example of itself", arguments: commands)
    func example(command: String) throws {
        let result = try help(command)
        #expect(result.ending == .exited(0), "\(result.error)")
        let lines = result.output.split(separator: "\n", omittingEmptySubsequences: false)
        let heading = try #require(
            lines.firstIndex { $0 == "EXAMPLE" || $0 == "EXAMPLES" }, "no example in\n\(result.output)")
        #expect(lines.dropFirst(heading + 1).first?.contains(" \(command)") == true, "\(result.output)")
    }

    @Test(
        "every program's help names its commands",
        arguments: [
            "weft-init", "weft-proxy", "weft ca", "weft import", "weft", "weft token", "weft identity", "weft proxy",
            "weft credential",
        ])
    func overview(program: String) throws {
        let output = try help(program).output
        for command in Self.commands where command.hasPrefix(program + " ") {
            let name = command.dropFirst(program.count + 1).prefix { $0 != " " }
            #expect(output.split(whereSeparator: \.isWhitespace).contains { $0 == name }, "\(name) in\n\(output)")
        }
    }
}
