// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// How much memory this process may use before the kernel ends it: the limit of its control group.
package enum MemoryLimit {
    /// In bytes; nil where there is none. Read once, at the start.
    package static func ofControlGroup() -> Int64? {
        let groups = (try? Files.read("/proc/self/cgroup", limit: 65_536).bytes) ?? []
        var paths = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        for line in String(decoding: groups, as: UTF8.self).split(separator: "\n") {
            // `0::/path` in the unified hierarchy, `5:memory:/path` in the old one.
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            if parts[1].isEmpty { paths += ancestors(of: parts[2]).map { "/sys/fs/cgroup\($0)/memory.max" } }
            if parts[1].split(separator: ",").contains("memory") {
                paths += ancestors(of: parts[2]).map { "/sys/fs/cgroup/memory\($0)/memory.limit_in_bytes" }
            }
        }
        return paths.compactMap(limit).min()
    }

    /// `/a/b` and `/a`: a limit of any group above holds too.
    private static func ancestors(of path: Substring) -> [String] {
        var names = path.split(separator: "/")
        var ancestors: [String] = []
        while !names.isEmpty {
            ancestors.append("/" + names.joined(separator: "/"))
            names.removeLast()
        }
        return ancestors
    }

    private static func limit(_ path: String) -> Int64? {
        guard let bytes = try? Files.read(path, limit: 64).bytes,
            let limit = Decimal.parse(bytes.prefix { $0 != UInt8(ascii: "\n") }, atMost: UInt64(Int64.max))
        else { return nil }
        // The old hierarchy says "none" with a number near 2^63.
        return limit < 1 << 50 ? Int64(limit) : nil
    }
}
