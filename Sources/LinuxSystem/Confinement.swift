// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// Gives away what a process does not need, so that whoever takes it over does not have it either. Holds for the calling
/// thread and those it starts later; to be called before there are others.
package enum Confinement {
    /// No new privileges by starting programs, no core dumps, not traceable by others of the same user.
    package static func harden() throws(SystemError) {
        try check(weft_harden_process(), "prctl")
    }

    /// From now on only files below these paths can be opened (Landlock). Throws where the kernel has it not.
    package static func restrictFiles(readable: [String], writable: [String]) throws(SystemError) {
        let result = unsafe withCStrings(readable) { readablePointers in
            unsafe withCStrings(writable) { writablePointers in
                unsafe weft_landlock(
                    UnsafeRawPointer(readablePointers).assumingMemoryBound(to: UnsafePointer<CChar>?.self),
                    Int32(readable.count),
                    UnsafeRawPointer(writablePointers).assumingMemoryBound(to: UnsafePointer<CChar>?.self),
                    Int32(writable.count))
            }
        }
        try check(result, "landlock")
    }

    /// Refuses system calls that a proxy never makes (seccomp), on all threads.
    package static func restrictCalls() throws(SystemError) {
        try check(weft_seccomp(), "seccomp")
    }
}
