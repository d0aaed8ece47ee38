// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// What the file system says of a file.
package struct FileFacts: Hashable, Sendable {
    /// The permission bits, `0o640`.
    package let permissions: UInt32
    package let isDirectory: Bool
    package let isRegular: Bool
    package let user: UInt32
    package let group: UInt32
    package let byteCount: Int64
    /// Tells one file from another and one version from the next; changes when a file is replaced or rewritten.
    package let version: Version

    package struct Version: Hashable, Sendable {
        let device: UInt64
        let inode: UInt64
        let modifiedSeconds: Int64
        let modifiedNanoseconds: Int64
        let byteCount: Int64
    }

    init(_ facts: weft_file_facts) {
        permissions = facts.mode & 0o7777
        isDirectory = facts.mode & 0o170000 == 0o040000
        isRegular = facts.mode & 0o170000 == 0o100000
        user = facts.user
        group = facts.group
        byteCount = facts.size
        version = Version(
            device: facts.device, inode: facts.inode, modifiedSeconds: facts.modified_seconds,
            modifiedNanoseconds: facts.modified_nanoseconds, byteCount: facts.size)
    }
}

/// Whole files, for configuration and identity. Never used on the data path.
package enum Files {
    package static func facts(_ path: String) throws(SystemError) -> FileFacts {
        var facts = weft_file_facts()
        try check(unsafe weft_facts_of_path(path, &facts), "stat \(path)")
        return FileFacts(facts)
    }

    /// Reads a regular file, `/dev/stdin` or a file of `/proc` whole. More than `limit` bytes is an error (EFBIG), so that
    /// a wrong path cannot fill the memory. The facts are those of the very file that was read.
    package static func read(_ path: String, limit: Int) throws(SystemError) -> (bytes: [UInt8], facts: FileFacts) {
        let file = Descriptor(owning: try check(unsafe weft_open(path, WEFT_OPEN_READ, 0), "open \(path)"))
        var kernelFacts = weft_file_facts()
        try check(unsafe weft_facts(file.number, &kernelFacts), "stat \(path)")
        let facts = FileFacts(kernelFacts)
        guard !facts.isDirectory else { throw SystemError(Errno(number: 21), "read \(path)") }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe weft_read(file.number, &chunk, chunk.count)
            if count == -Int(Errno.wouldBlock.number) {
                // Standard input may be a pipe that is still being filled.
                _ = unsafe weft_poll_input([file.number], 1, -1)
                continue
            }
            try check(count, "read \(path)")
            if count == 0 { return (bytes, facts) }
            guard bytes.count + count <= limit else { throw SystemError(Errno(number: 27), "read \(path)") }
            bytes.append(contentsOf: chunk.prefix(count))
        }
    }

    /// Writes a file that must not exist yet, with these permissions from the first byte on, and syncs it.
    package static func create(_ path: String, permissions: UInt32, _ bytes: [UInt8]) throws(SystemError) {
        let file = Descriptor(
            owning: try check(unsafe weft_open(path, WEFT_OPEN_CREATE_NEW, permissions), "create \(path)"))
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { all in
                unsafe weft_write(file.number, all.baseAddress.map { unsafe $0 + written }, all.count - written)
            }
            written += try check(count, "write \(path)")
        }
        try check(weft_sync(file.number), "fsync \(path)")
        try file.close()
    }

    /// Opens a file for reading at any offset, again and again: `/proc` files show their content of the moment.
    package static func open(_ path: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(unsafe weft_open(path, WEFT_OPEN_READ, 0), "open \(path)"))
    }

    package static func openDirectory(_ path: String) throws(SystemError) -> Descriptor {
        Descriptor(owning: try check(unsafe weft_open(path, WEFT_OPEN_DIRECTORY, 0), "open \(path)"))
    }

    package static func makeDirectory(_ path: String, permissions: UInt32) throws(SystemError) {
        try check(unsafe weft_make_directory(path, permissions), "mkdir \(path)")
    }

    package static func remove(_ path: String) throws(SystemError) {
        try check(unsafe weft_unlink(path), "unlink \(path)")
    }

    package static func rename(_ path: String, to target: String) throws(SystemError) {
        try check(unsafe weft_rename(path, target), "rename \(path) to \(target)")
    }

    package static func setPermissions(_ path: String, _ permissions: UInt32) throws(SystemError) {
        try check(unsafe weft_set_permissions(path, permissions), "chmod \(path)")
    }

    package static func exists(_ path: String) -> Bool {
        var facts = weft_file_facts()
        return unsafe weft_facts_of_path(path, &facts) == 0
    }

    /// Whether this process may write to a file or into a directory; false on a read-only file system.
    package static func isWritable(_ path: String) -> Bool { unsafe weft_may_write(path) == 0 }

    /// The path without symlinks; nil if it leads nowhere.
    package static func resolved(_ path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: 4096)
        guard unsafe weft_resolve_path(path, &buffer, buffer.count) == 0 else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The directory that holds a path, `.` for a bare name.
    package static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}

extension Descriptor {
    /// Reads at an offset until the end or until `limit` bytes, without moving anything.
    package borrowing func readAll(limit: Int) throws(SystemError) -> [UInt8] {
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 32_768)
        while bytes.count < limit {
            let count = unsafe weft_read_at(number, &chunk, chunk.count, Int64(bytes.count))
            try check(count, "pread")
            if count == 0 { break }
            bytes.append(contentsOf: chunk.prefix(count))
        }
        return bytes
    }

    /// What can be read now; nil at the end, empty where nothing is there yet.
    package borrowing func read(limit: Int) throws(SystemError) -> [UInt8]? {
        var chunk = [UInt8](repeating: 0, count: limit)
        let count = unsafe weft_read(number, &chunk, limit)
        if count == -Int(Errno.wouldBlock.number) || count == -Int(Errno.interrupted.number) { return [] }
        try check(count, "read")
        return count == 0 ? nil : Array(chunk.prefix(count))
    }

    /// Writes what can be written now; the number of bytes taken, zero where the other side does not read.
    package borrowing func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        let count = unsafe bytes.withUnsafeBytes { unsafe weft_write(number, $0.baseAddress, $0.count) }
        if count == -Int(Errno.wouldBlock.number) || count == -Int(Errno.interrupted.number) { return 0 }
        return try check(count, "write")
    }
}
