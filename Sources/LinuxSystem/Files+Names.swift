// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
internal import Glibc

extension Errno {
    package static let notEmpty = Errno(number: ENOTEMPTY)
    package static let fileTooLarge = Errno(number: EFBIG)
}

/// Names, owners and directories: what writing a set of files safely needs beyond their bytes.
extension Files {
    /// Gives a file a second name; an error (EEXIST) if that name is taken. With the removal of the first name this is a
    /// rename that never overwrites.
    package static func link(_ path: String, as name: String) throws(SystemError) {
        try check(unsafe weft_link(path, name), "link \(path) as \(name)")
    }

    /// Gives a file to another user and, unless nil, group. A symlink itself is given, not what it points to.
    package static func setOwner(_ path: String, user: UInt32, group: UInt32?) throws(SystemError) {
        try check(unsafe weft_set_owner(path, user, group ?? .max), "chown \(path)")
    }

    /// Removes an empty directory.
    package static func removeDirectory(_ path: String) throws(SystemError) {
        try check(unsafe weft_remove_directory(path), "rmdir \(path)")
    }

    /// Locks a directory against everyone else who locks it, until ``Descriptor/unlock()``; an error (EAGAIN) if it is
    /// locked. The kernel frees the lock with the process, however that ends.
    package static func lockDirectory(_ path: String) throws(SystemError) -> Descriptor {
        let directory = try openDirectory(path)
        try check(weft_lock_exclusive(directory.number), "lock \(path)")
        return directory
    }

    /// The same for a file, which must exist.
    package static func lockFile(_ path: String) throws(SystemError) -> Descriptor {
        let file = try open(path)
        try check(weft_lock_exclusive(file.number), "lock \(path)")
        return file
    }

    /// Waits until the names in a directory are on the disk, as they must be after a rename that has to survive a power
    /// failure.
    package static func syncDirectory(_ path: String) throws(SystemError) {
        let directory = try openDirectory(path)
        try check(weft_sync(directory.number), "fsync \(path)")
    }
}

extension Descriptor {
    /// Gives a lock back. Closing would too, but not while a child that is about to start its program still has a copy.
    package borrowing func unlock() { _ = weft_unlock(number) }
}
