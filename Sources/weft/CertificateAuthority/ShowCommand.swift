// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import LinuxSystem
import MeshModel

/// `weft ca show`.
struct ShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Tell what files hold, and until when.",
        discussion: """
            Takes directories that `create` and `issue` wrote, and PEM files of anybody. Of a key it tells only which \
            certificate it belongs to. Nothing is verified.

            EXAMPLE
              weft ca show ca web
              weft ca show web/chain.pem --json
            """)

    @Argument(
        help: ArgumentHelp("Directories and PEM files.", valueName: "path"), transform: Values.path)
    var paths: [String]

    @OptionGroup var output: Output

    func run() async throws {
        try await output.report("ca show") { () async throws(Problem) in
            let now = WallTime.now()
            var shown: [ShownFile] = []
            for path in paths {
                for file in try ShownFile.files(at: path) { shown.append(try ShownFile.read(file)) }
            }
            let text = shown.map { $0.text(among: shown, now: now) }.joined(separator: "\n")
            return Output.Result(text: text, warnings: shown.flatMap { $0.warnings(at: now) }) { json in
                json.key("files")
                json.array(shown) { json, file in
                    json.object { file.write(into: &$0, among: shown, now: now) }
                }
            }
        }
    }
}
