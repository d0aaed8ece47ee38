// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import LinuxSystem
import Testing

@Suite("The command line of weft")
struct CommandLineTests {
    private let weft: WeftProgram

    init() throws { weft = try WeftProgram() }

    @Test(
        "every command has help with an example",
        arguments: ["", "ca", "ca create", "ca issue", "ca renew", "ca show", "import", "import envoy"])
    func help(_ command: String) throws {
        let result = try weft.run("\(command) --help")
        #expect(result.ending == .exited(0))
        #expect(result.output.contains("EXAMPLE\n  weft \(command.hasPrefix("import") ? "import" : "ca") "))
        #expect(result.output.contains("USAGE: weft"))
        #expect(result.error.isEmpty)
    }

    struct Misuse: CustomTestStringConvertible, Sendable {
        let line: String
        let says: String

        init(_ line: String, _ says: String) {
            self.line = line
            self.says = says
        }

        var testDescription: String { "weft \(line)" }
    }

    @Test(
        "a wrong command line ends with 2 and says what is expected",
        arguments: [
            Misuse("ca craete", "craete"),
            Misuse("ca create --directory %/ca", "--trust-domain"),
            Misuse("ca create --trust-domain Mesh --directory %/ca", "lower-case"),
            Misuse("ca create --trust-domain 192.0.2.1 --directory %/ca", "no IPv4 address"),
            Misuse("ca create --trust-domain a --directory %/ca --root-lifetime 1y", "such as 365d"),
            Misuse("ca create --trust-domain a --directory %/ca --root-lifetime 40000d", "to 36500d"),
            Misuse("ca issue --directory %/ca --output %/web", "--service-account NAME"),
            Misuse("ca issue --directory %/ca --output %/web --namespace a", "--service-account NAME"),
            Misuse("ca issue --directory %/ca --output %/web --renew --namespace a", "--service-account NAME"),
            Misuse("ca issue --directory %/ca --output %/web --service-account Web", "lower-case letters"),
            Misuse("ca issue --directory %/ca --output %/web --service-account a/b", "lower-case letters"),
            Misuse("ca issue --directory %/ca --output %/web --spiffe-id spiffe://a", "a SPIFFE ID"),
            Misuse(
                "ca issue --directory %/ca --output %/web --spiffe-id spiffe://a/b --service-account c", "Give either"),
            Misuse("ca issue --directory %/ca --output %/web --service-account a --lifetime 24", "such as 24h"),
            Misuse("ca issue --directory %/ca --output %/web --service-account a --owner root", "not looked up"),
            Misuse("ca issue --directory %/ca --output %/web --renew --owner 1", "--owner"),
            Misuse("ca show", "path"),
            Misuse("import envoy", "file"),
            Misuse("import nginx a", "nginx"),
            Misuse("apply", "-f FILE"),
            Misuse("apply -f a --dry-run --wait", "--wait does not go"),
            Misuse("apply -f a --prune Polcy", "did you mean `Policy`?"),
            Misuse("get nothing", "one of meshes"),
            Misuse("get services --control nowhere", "https://HOST:PORT"),
            Misuse("history -o xml", "xml"),
            Misuse("history -o yaml --json", "--json does not go"),
            Misuse("login /run/control.sock --bundle a", "needs no login"),
            Misuse("login https://a", "--root-digest or --bundle"),
            Misuse("login https://a --root-digest 12", "a SHA-256"),
            Misuse("identity deny", "SPIFFE ID or --serial"),
            Misuse("rollback 1 --timeout 3s", "goes with --wait"),
            Misuse("completion tcsh", "tcsh"),
            Misuse("allow nobody api", "no identity"),
            Misuse("join a --owner 0", "never runs as root"),
        ])
    func misuse(_ misuse: Misuse) throws {
        let result = try weft.run(misuse.line)
        #expect(result.ending == .exited(2))
        #expect(result.error.contains(misuse.says), "\(result.error)")
        #expect(result.output.isEmpty)
        #expect(try weft.names().isEmpty)
    }

    @Test("a failure ends with 1 and begins with its code")
    func failure() throws {
        let result = try weft.run("ca issue --directory %/none --output %/web --service-account web")
        #expect(result.ending == .exited(1))
        #expect(result.error.hasPrefix("weft: WEFT5002 "))
        #expect(result.error.contains("none/root.pem"))
        #expect(result.output.isEmpty)
    }

    @Test("a failure in JSON has the same words in fields")
    func failureInJSON() throws {
        let answer = try weft.json("ca issue --directory %/none --output %/web --service-account web")
        #expect(answer["exitCode"] as? Int == 1)
        let error = try #require((answer["errors"] as? [[String: Any]])?.first)
        #expect(error["code"] as? String == "WEFT5002")
        #expect(error["name"] as? String == "authority-unreadable")
        #expect((error["place"] as? String)?.hasSuffix("none/root.pem") == true)
        #expect(error["message"] as? String == "cannot be read: No such file or directory")
    }
}
