// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc

/// What a container is to be: the fields of an OCI runtime configuration that matter to a sidecar.
package struct ContainerSpec: Sendable {
    package struct Mount: Sendable {
        let source: String
        let destination: String
        let isWritable: Bool

        /// A directory of this machine that the container may read.
        package static func reading(_ source: String, at destination: String) -> Mount {
            Mount(source: source, destination: destination, isWritable: false)
        }

        /// A directory of this machine that the container may write to: a volume.
        package static func volume(_ source: String, at destination: String) -> Mount {
            Mount(source: source, destination: destination, isWritable: true)
        }
    }

    let image: ContainerImage
    let words: [String]
    package var user: UInt32
    /// All others are dropped, from every set.
    package var capabilities: [String] = []
    package var environment: [String: String] = [:]
    package var mounts: [Mount] = []
    /// The container whose processes are seen, as pods that share the process namespace have it.
    package var processesOf: Container?

    package init(_ image: ContainerImage, _ words: [String], user: UInt32) {
        self.image = image
        self.words = words
        self.user = user
    }

    /// The runtime configuration: read-only root, no new privileges, the pod's network. No resource limits, which not
    /// every machine lets a test set.
    func configuration(networkNamespace: String) throws -> Data {
        var namespaces: [[String: String]] = ["mount", "ipc", "uts"].map { ["type": $0] }
        namespaces.append(["type": "network", "path": networkNamespace])
        namespaces.append(
            processesOf.map { ["type": "pid", "path": "/proc/\($0.processIdentifier)/ns/pid"] } ?? ["type": "pid"])
        let sets = ["bounding", "effective", "permitted"].map { ($0, capabilities.map { "CAP_\($0)" }) }
        let process: [String: Any] = [
            "user": ["uid": user, "gid": user], "args": words, "cwd": "/", "noNewPrivileges": true,
            "env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/bin"] + environment.map { "\($0.key)=\($0.value)" },
            "capabilities": Dictionary(uniqueKeysWithValues: sets),
        ]
        let kernel: [[String: Any]] = [
            ["destination": "/proc", "type": "proc", "source": "proc"],
            [
                "destination": "/dev", "type": "tmpfs", "source": "tmpfs",
                "options": ["nosuid", "mode=755", "size=65536k"],
            ],
        ]
        let bound: [[String: Any]] = mounts.map { mount in
            [
                "destination": mount.destination, "type": "bind", "source": mount.source,
                "options": ["bind", mount.isWritable ? "rw" : "ro", "nosuid", "nodev", "noexec"],
            ]
        }
        let all: [String: Any] = [
            "ociVersion": "1.0.2", "process": process, "root": ["path": image.path, "readonly": true],
            "mounts": kernel + bound, "linux": ["namespaces": namespaces],
        ]
        return try JSONSerialization.data(withJSONObject: all, options: [.prettyPrinted, .sortedKeys])
    }
}

/// A container that a test has started with runc. Its output is that of its first process.
package final class Container: Sendable {
    let name: String
    private let host: ContainerHost
    private let program: RunningProgram
    /// The first process, as this machine numbers it.
    package let processIdentifier: Int32

    init(_ name: String, _ host: ContainerHost, _ program: RunningProgram, processIdentifier: Int32) {
        self.name = name
        self.host = host
        self.program = program
        self.processIdentifier = processIdentifier
    }

    package var output: String { program.output }
    package var error: String { program.error }
    package var isRunning: Bool { program.isRunning }

    @discardableResult
    package func line(containing text: String) async throws -> String { try await program.line(containing: text) }

    /// Writes a line to the input of the first process.
    package func type(_ line: String) { program.type(line) }

    /// Runs another program inside to its end, with the user and the rights of the container: what a probe does.
    package func run(_ words: String...) async throws -> ProgramResult { try await run(words) }

    package func run(_ words: [String]) async throws -> ProgramResult {
        try await host.runc(["exec", name] + words).result()
    }

    /// Sends a signal to the first process, as `podman kill` and the kubelet do.
    package func send(_ signal: String) async throws {
        let result = try await host.runc(["kill", name, signal]).result()
        guard result.succeeded else { throw DidNotHappen("runc kill \(name) \(signal) \(result)") }
    }

    /// Waits for its end.
    package func result() async throws -> ProgramResult { try await program.result() }

    /// Sends SIGTERM and waits for its end.
    @discardableResult
    package func stop() async throws -> ProgramResult {
        try await send("TERM")
        return try await result()
    }

    /// What the kernel says of the first process: `/proc/PID/status`.
    package func status(_ field: String) throws -> String? {
        let text = try String(contentsOfFile: "/proc/\(processIdentifier)/status", encoding: .utf8)
        let line = text.split(separator: "\n").first { $0.hasPrefix("\(field):") }
        return line.map { $0.dropFirst(field.count + 1).trimmingCharacters(in: .whitespaces) }
    }
}
