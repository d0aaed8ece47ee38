// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// What the programs of a pod find in /etc: `ip netns exec` lays these files over those of the machine.
extension Pod {
    /// For programs that start from now on, the pod has this /etc/resolv.conf and this /etc/hosts.
    package func useNames(server: String, search: String = "", hosts: String = "") throws {
        let directory = "/etc/netns/\(namespace)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let searching = search.isEmpty ? "" : "search \(search)\n"
        try "nameserver \(server)\n\(searching)options timeout:1 attempts:2\n".write(
            toFile: "\(directory)/resolv.conf", atomically: false, encoding: .utf8)
        try writeHosts(hosts)
    }

    /// Another /etc/hosts for programs that run already, too.
    package func writeHosts(_ hosts: String) throws {
        // In place: what is laid over the file is its inode.
        try "127.0.0.1 localhost\n\(hosts)\n".write(
            toFile: "/etc/netns/\(namespace)/hosts", atomically: false, encoding: .utf8)
    }
}
