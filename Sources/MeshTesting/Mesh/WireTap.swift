// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Foundation

/// Somebody who listens on the cable of a pod and keeps every byte.
package struct WireTap: Sendable {
    private let pod: Pod
    private let path: String
    private let program: RunningProgram

    package init(on pod: Pod) async throws {
        self.pod = pod
        path = "\(try NetworkLab.here.directory())/\(pod.name).pcap"
        program = try pod.start(
            "tcpdump", "-Z", "root", "--immediate-mode", "-i", "eth0", "-U", "-s", "0", "-B",
            "65536", "-w", path)
        try await eventually("tcpdump listens") { [program] in program.error.contains("listening on") ? true : nil }
    }

    /// Everything that passed until now. A datagram sent last, which no sidecar touches, tells that nothing is missing.
    package func bytes() async throws -> Data {
        let end = "end-of-tape-\(UInt32.random(in: 0 ... .max))"
        try await pod.shell("echo \(end) | nc -u -w 1 \(NetworkLab.gateway4) 9 || true")
        return try await eventually("the end of the tape") {
            let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
            return bytes.range(of: Data(end.utf8)) == nil ? nil : bytes
        }
    }

    /// True if the text has passed in the clear.
    package func heard(_ text: String) async throws -> Bool { try await bytes().range(of: Data(text.utf8)) != nil }
}
