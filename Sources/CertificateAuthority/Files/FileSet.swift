// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel

/// Who is to own what is written.
package struct FileOwner: Hashable, Sendable {
    package let user: UInt32
    /// Nil leaves the group as it comes.
    package let group: UInt32?

    package init(user: UInt32, group: UInt32?) {
        self.user = user
        self.group = group
    }
}

/// Files that make sense only together, in one directory. They appear as a set or not at all:
///
/// - a directory that does not exist yet is filled under another name and then renamed, so that even a power failure
///   leaves all of it or nothing;
/// - in a directory that exists each file is written under a temporary name, and names are given only when all are on the
///   disk; where that stops half-way, the names given so far are taken back.
///
/// Permissions hold from the first byte on and whatever the umask. Nothing is ever overwritten, but for ``replace()``.
struct FileSet {
    struct File {
        let name: String
        let permissions: UInt32
        let bytes: [UInt8]

        /// For keys, which their owner alone may read.
        static func secret(_ name: String, _ text: String) -> File {
            File(name: name, permissions: 0o600, bytes: Array(text.utf8))
        }

        static func open(_ name: String, _ text: String) -> File {
            File(name: name, permissions: 0o644, bytes: Array(text.utf8))
        }
    }

    let directory: String
    let directoryPermissions: UInt32
    /// In the order in which they are to appear: what the others need comes first.
    let files: [File]

    init(directory: String, directoryPermissions: UInt32, files: [File]) {
        // A trailing slash would make the name of a directory beside this one the name of one inside it.
        var path = directory
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.directory = path
        self.directoryPermissions = directoryPermissions
        self.files = files
    }

    /// Writes the set with its directory, which must not exist or be empty. Files may lie one level down, `a/b`, in
    /// directories that only the owner can enter.
    func createDirectory(owner: FileOwner? = nil) throws(Problem) {
        do throws(SystemError) {
            try fillAndRename(owner)
        } catch {
            throw problem(error)
        }
    }

    /// Writes the set where there is none, into a directory that may exist; an error if any of the names is taken.
    func create(owner: FileOwner? = nil) throws(Problem) {
        do throws(SystemError) {
            guard Files.exists(directory) else { return try fillAndRename(owner) }
            let taken = files.map { "\(directory)/\($0.name)" }.filter(Files.exists)
            guard taken.isEmpty else { throw SystemError(.exists, taken.joined(separator: ", ")) }
            let staged = try stage(in: directory, owner: { _ in owner })
            defer { staged.forEach(Self.forget) }
            try giveNames(staged)
            try Files.syncDirectory(directory)
        } catch {
            throw problem(error)
        }
    }

    private func fillAndRename(_ owner: FileOwner?) throws(SystemError) {
        let temporary = directory + Self.temporarySuffix()
        let inner = Set(files.map { Files.directory(of: $0.name) }).subtracting(["."]).map { "\(temporary)/\($0)" }
        do throws(SystemError) {
            for path in [temporary] + inner { try Files.makeDirectory(path, permissions: 0o700) }
            for file in files { try Self.write(file, as: "\(temporary)/\(file.name)", owner) }
            try Files.setPermissions(temporary, directoryPermissions)
            for path in inner + [temporary] {
                if let owner { try Files.setOwner(path, user: owner.user, group: owner.group) }
                try Files.syncDirectory(path)
            }
            // Takes the place of an empty directory, and fails on one that is not.
            try Files.rename(temporary, to: directory)
        } catch {
            for file in files { Self.forget("\(temporary)/\(file.name)") }
            for path in inner + [temporary] { try? Files.removeDirectory(path) }
            throw error
        }
        try Files.syncDirectory(Files.directory(of: directory))
    }

    /// Renames that overwrite nothing; all or none.
    private func giveNames(_ staged: [String]) throws(SystemError) {
        var given: [String] = []
        for (file, temporary) in zip(files, staged) {
            do throws(SystemError) {
                try Files.link(temporary, as: "\(directory)/\(file.name)")
                given.append("\(directory)/\(file.name)")
            } catch {
                given.forEach(Self.forget)
                throw error
            }
        }
    }

    /// Replaces a set that is there. Each file is swapped whole and keeps its owner and, unless others could read a
    /// secret, its permissions; whoever reads between two swaps finds parts that do not fit and has to try again.
    /// Where a swap fails, those before it are undone. Two who replace one set at once would mix it, so only one may.
    func replace() throws(Problem) {
        do throws(SystemError) {
            let lock = try Files.lockDirectory(directory)
            defer { lock.unlock() }
            let staged = try stage(in: directory) { file throws(SystemError) in
                let facts = try Files.facts("\(directory)/\(file.name)")
                return FileOwner(user: facts.user, group: facts.group)
            }
            defer { staged.forEach(Self.forget) }
            for (file, temporary) in zip(files, staged) {
                let old = try Files.facts("\(directory)/\(file.name)").permissions
                let isTooOpen = file.permissions == 0o600 && old & 0o137 != 0
                try Files.setPermissions(temporary, isTooOpen ? file.permissions : old)
            }
            try swap(staged)
            try Files.syncDirectory(directory)
        } catch {
            throw problem(error)
        }
    }

    private func swap(_ staged: [String]) throws(SystemError) {
        var old: [(name: String, kept: String)] = []
        defer { old.forEach { Self.forget($0.kept) } }
        for (file, temporary) in zip(files, staged) {
            let name = "\(directory)/\(file.name)"
            do throws(SystemError) {
                let kept = temporary + ".old"
                try Files.link(name, as: kept)
                old.append((name, kept))
                try Files.rename(temporary, to: name)
            } catch {
                for (name, kept) in old.reversed() { try? Files.rename(kept, to: name) }
                throw error
            }
        }
    }

    /// Writes every file under a temporary name; the names, in the order of ``files``.
    private func stage(
        in directory: String, owner: (File) throws(SystemError) -> FileOwner?
    ) throws(SystemError) -> [String] {
        let suffix = Self.temporarySuffix()
        var staged: [String] = []
        for file in files {
            let temporary = "\(directory)/.\(file.name)\(suffix)"
            do throws(SystemError) {
                staged.append(temporary)
                try Self.write(file, as: temporary, try owner(file))
            } catch {
                staged.forEach(Self.forget)
                throw error
            }
        }
        return staged
    }

    private static func write(_ file: File, as path: String, _ owner: FileOwner?) throws(SystemError) {
        try Files.create(path, permissions: file.permissions, file.bytes)
        // The umask may have taken away what others need; it never adds anything.
        try Files.setPermissions(path, file.permissions)
        guard let owner else { return }
        let facts = try Files.facts(path)
        if facts.user != owner.user || facts.group != owner.group ?? facts.group {
            try Files.setOwner(path, user: owner.user, group: owner.group)
        }
    }

    /// Tidying up: what is not there any more is no failure.
    private static func forget(_ path: String) { try? Files.remove(path) }

    private static func temporarySuffix() -> String {
        var random = KernelRandom()
        return ".weft-" + String(random.next(), radix: 36)
    }

    private func problem(_ error: SystemError) -> Problem {
        switch error.errno {
        case .notEmpty: Problem(.wouldOverwrite, at: directory, "is not empty", remedy: "choose another directory")
        case .exists: Problem(.wouldOverwrite, "\(error)", remedy: "choose another directory")
        case .wouldBlock: Problem(.writeFailed, "\(error)", remedy: "another renewal is under way")
        case .notPermitted where error.call.hasPrefix("chown"):
            Problem(.writeFailed, "\(error)", remedy: "only root can give files to another user")
        default: Problem(.writeFailed, "\(error)")
        }
    }
}
