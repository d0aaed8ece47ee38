// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Where and with what it was measured.
struct Machine: Codable {
    let date: String
    let processor: String
    let processors: Int
    let kernel: String
    let commit: String
    let haproxy: String
    let nginx: String
    let openssl: String

    init() throws {
        func word(_ script: String) throws -> String {
            try Shell.attempt(script).output.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        date = try word("date -u +%Y-%m-%dT%H:%M:%SZ")
        processor = try word("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1")
        processors = ProcessInfo.processInfo.activeProcessorCount
        kernel = try word("uname -r")
        commit = try word("git describe --always --dirty 2>/dev/null || echo unknown")
        haproxy = try word("haproxy -v | sed -n 's/^HAProxy version \\([^ ]*\\).*/\\1/p'")
        nginx = try word("nginx -v 2>&1 | sed 's/.*nginx.//'")
        openssl = try word("openssl version | cut -d ' ' -f 2")
    }

    var text: String {
        "\(date), \(processors) x \(processor), Linux \(kernel); weft \(commit), haproxy \(haproxy), nginx \(nginx), "
            + "OpenSSL \(openssl)"
    }
}
