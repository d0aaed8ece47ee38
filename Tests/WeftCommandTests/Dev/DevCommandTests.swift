// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import LinuxSystem
import MeshTesting
import Testing

/// The names that `weft dev` makes are the same for all, so that one of these runs at a time.
@Suite("weft dev", .needsRoot, .serialized)
struct DevCommandTests {
    private static let timeout: Duration = .seconds(120)

    private func weft(_ words: String...) throws -> ChildResult {
        try ChildProcess.run(
            BuiltProgram.path("weft"), ["dev"] + words,
            environment: ["PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            timeout: Self.timeout)
    }

    /// What is there of ours: namespaces, files, and processes that have to do with them.
    private func leftovers() -> [String] {
        let files = FileManager.default
        var found = ["/run/netns", "/etc/netns"].flatMap { directory in
            ((try? files.contentsOfDirectory(atPath: directory)) ?? []).filter { $0.hasPrefix("weft-dev") }
        }
        if files.fileExists(atPath: "/run/weft-dev") { found.append("/run/weft-dev") }
        for process in (try? files.contentsOfDirectory(atPath: "/proc")) ?? [] where Int32(process) != nil {
            guard let line = files.contents(atPath: "/proc/\(process)/cmdline") else { continue }
            let words = String(decoding: line, as: UTF8.self).replacingOccurrences(of: "\0", with: " ")
            if words.contains("/run/weft-dev") || words.contains("dev-sample") { found.append(words) }
        }
        return found
    }

    @Test("everything that is promised holds, and nothing is left behind")
    func check() throws {
        let result = try weft("--check", "--services", "3")
        #expect(result.ending == .exited(0), "\(result.output)\(result.error)")
        for words in ["answered by api", "answered by orders", "mutual TLS", "no certificate is refused", "in effect"] {
            #expect(result.output.contains(words), "\(words) in \(result.output)")
        }
        #expect(leftovers() == [])
    }

    @Test("what a killed run has left is removed by the next one")
    func killed() async throws {
        let log = "\(NSTemporaryDirectory())weft-dev-\(getpid())"
        defer { for end in ["out", "err"] { try? FileManager.default.removeItem(atPath: "\(log).\(end)") } }
        let program = try RunningProgram([BuiltProgram.path("weft"), "dev"], log: log)
        try await eventually("a sidecar runs", within: .seconds(60)) {
            leftovers().contains { $0.contains("weft-proxy") } ? true : nil
        }
        let second = try weft("--check")
        #expect(second.ending == .exited(1) && second.error.contains("WEFT7061"), "\(second.error)")
        #expect(second.error.contains("`weft`, process \(program.identifier); use it, with `--control /run/weft-dev/"))
        #expect(second.error.contains("`kill \(program.identifier)`"), "\(second.error)")
        program.send(SIGKILL)
        _ = try await program.result()
        #expect(!leftovers().isEmpty)
        let result = try weft("--stop")
        #expect(result.ending == .exited(0), "\(result.error)")
        #expect(result.output.contains("what a former run had left"))
        #expect(leftovers() == [])
    }

    @Test("who may not make namespaces is told what is missing")
    func unprivileged() throws {
        // Nobody in /etc/subuid has this number.
        let result = try ChildProcess.run(
            "/usr/bin/setpriv",
            ["--reuid=2147", "--regid=2147", "--clear-groups", BuiltProgram.path("weft"), "dev", "--check"],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], timeout: Self.timeout)
        #expect(result.ending == .exited(1), "\(result.output)\(result.error)")
        #expect(result.error.contains("WEFT7060") && result.error.contains("sudo weft dev --check"), "\(result.error)")
        #expect(leftovers() == [])
    }

    @Test("a user with subordinate ids needs no root")
    func userNamespace() throws {
        // The machine has no such user; in a mount namespace of the test it has.
        let files = "\(NSTemporaryDirectory())weft-dev-etc-\(getpid())"
        try FileManager.default.createDirectory(atPath: files, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: files) }
        let users = try String(contentsOfFile: "/etc/passwd", encoding: .utf8)
        for (name, text) in [
            ("passwd", users + "weft-dev:x:2148:2148::/:/bin/sh\n"), ("subuid", "weft-dev:300000:65536\n"),
            ("subgid", "weft-dev:300000:65536\n"),
        ] {
            try text.write(toFile: "\(files)/\(name)", atomically: true, encoding: .utf8)
        }
        let script = """
            for file in passwd subuid subgid; do
                [ -e /etc/$file ] || : >/etc/$file
                mount --bind "$0/$file" /etc/$file || exit 99
            done
            exec setpriv --reuid=2148 --regid=2148 --clear-groups "$1" dev --check
            """
        let result = try ChildProcess.run(
            "/usr/bin/unshare",
            ["--mount", "--propagation", "private", "sh", "-c", script, files, BuiltProgram.path("weft")],
            environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"], timeout: Self.timeout)
        #expect(result.ending == .exited(0), "\(result.output)\(result.error)")
        #expect(result.output.contains("no certificate is refused"), "\(result.output)")
        #expect(leftovers() == [])
    }
}
