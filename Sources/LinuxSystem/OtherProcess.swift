// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Another process of this machine, for whoever has to be told who is in the way.
package struct OtherProcess: CustomStringConvertible {
    package let number: Int32
    /// Of its program, as the kernel keeps it: at most fifteen bytes.
    package let name: String

    /// Nil where it has ended.
    package init?(_ number: Int32) {
        guard let text = try? Files.read("/proc/\(number)/comm", limit: 64).bytes else { return nil }
        self.number = number
        name = String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    package var description: String { "`\(name)`, process \(number)" }

    /// Who has locked a file or directory as ``Files/lockDirectory(_:)`` does; nil where that cannot be told.
    package static func holdingLock(on path: String) -> OtherProcess? {
        guard let inode = try? Files.facts(path).version.inode,
            let text = try? Files.read("/proc/locks", limit: 1 << 20).bytes
        else { return nil }
        for line in String(decoding: text, as: UTF8.self).split(separator: "\n") {
            // 1: FLOCK  ADVISORY  WRITE 1234 00:1a:5678 0 EOF
            let words = line.split(separator: " ")
            guard words.count >= 6, words[1] == "FLOCK", let number = Int32(words[4]),
                words[5].split(separator: ":").last.flatMap({ UInt64($0) }) == inode
            else { continue }
            return OtherProcess(number)
        }
        return nil
    }
}
