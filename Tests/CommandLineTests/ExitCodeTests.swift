// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import LinuxSystem
import MeshModel
import MeshTesting
import Testing

@Suite("How the programs end when they are called wrongly")
struct ExitCodeTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let says: String

        init(_ line: String, _ says: String) {
            testDescription = line
            self.says = says
        }
    }

    private static func run(_ line: String) throws -> ChildResult {
        let words = line.split(separator: " ").map(String.init)
        return try ChildProcess.run(BuiltProgram.path(words[0]), Array(words.dropFirst()), timeout: .seconds(20))
    }

    @Test(
        "with 2, having done nothing and saying why",
        arguments: [
            Case("weft-init aply", "did you mean `apply`?"),
            Case("weft-init apply --proxy-uids 7", "did you mean `--proxy-uid`?"),
            Case("weft-init apply --proxy-uid 0", "--proxy-uid"),
            Case("weft-init apply --proxy-uid", "--proxy-uid"),
            Case("weft-init apply --proxy-uid 7 --skip-inbound-ports 22,,23", "--skip-inbound-ports"),
            Case("weft-init apply --proxy-uid 7 --skip-outbound-destinations 10.0.0.0/33", "10.0.0.0/33"),
            Case("weft-init apply --config /does/not/exist", "/does/not/exist"),
            Case("weft-init explain --proxy-uid 7", "--to"),
            Case("weft-proxy rnu", "did you mean `run`?"),
            Case("weft-proxy run", "--config"),
            Case("weft-proxy run --configuration x", "--config"),
            Case("weft-proxy run --config /does/not/exist", "/does/not/exist"),
            Case("weft-proxy check --config /dev/null", "kind: Proxy"),
            Case("weft-proxy wait --timeout soon", "soon"),
            Case("weft-proxy ready --port 0", "--port"),
        ])
    func usage(_ item: Case) throws {
        let result = try Self.run(item.testDescription)
        #expect(result.ending == .exited(2), "\(result.error)")
        #expect(result.output.isEmpty)
        #expect(result.error.contains(item.says), "\(result.error)")
        #expect(result.error.contains("WEFT"))
    }

    @Test(
        "with 0 for help and version, on standard output",
        arguments: [
            Case("weft-init --help", "COMMANDS"), Case("weft-init", "COMMANDS"),
            Case("weft-init apply --help", "--proxy-uid"),
            Case("weft-init --version", "weft-init \(WeftVersion.text)"), Case("weft-proxy --help", "COMMANDS"),
            Case("weft-proxy help wait", "--timeout"), Case("weft-proxy version", "weft-proxy \(WeftVersion.text)"),
        ])
    func help(_ item: Case) throws {
        let result = try Self.run(item.testDescription)
        #expect(result.succeeded && result.error.isEmpty)
        #expect(result.output.contains(item.says))
    }
}
