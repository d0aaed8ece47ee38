// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

extension StandardStream {
    /// Standard output for a program that must not wait for its reader.
    ///
    /// Making descriptor 1 itself non-blocking would change it for everybody who shares it, a shell for instance. Opening it
    /// anew gives a description of our own. That works for files, terminals and pipes that belong to us; a socket cannot
    /// be opened so, and a pipe that root made for a user of no rights, which is what container runtimes hand out, may not.
    package static func outputWithoutWaiting() -> OutputWithoutWaiting? {
        let reopened = unsafe weft_open_output("/proc/self/fd/1")
        if reopened >= 0 { return OutputWithoutWaiting(own: Descriptor(owning: reopened)) }
        let copied = weft_duplicate(1)
        return copied >= 0 ? OutputWithoutWaiting(sharing: Descriptor(owning: copied)) : nil
    }
}

/// A file, pipe or terminal that is written to only as far as it takes bytes at once.
package struct OutputWithoutWaiting: ~Copyable {
    private let descriptor: Descriptor
    private let isShared: Bool

    /// Takes a descriptor that is non-blocking.
    package init(own descriptor: consuming Descriptor) {
        self.descriptor = descriptor
        isShared = false
    }

    /// Takes a descriptor that may block, because its description belongs to others too.
    package init(sharing descriptor: consuming Descriptor) {
        self.descriptor = descriptor
        isShared = true
    }

    /// For watching it; it stays ours.
    package var number: Int32 { descriptor.number }

    /// Writes what is taken now; the number of bytes, zero where nobody reads.
    ///
    /// A pipe that polls as writable has a page free, and takes up to PIPE_BUF bytes whole and at once (pipe(7)). More
    /// than that might wait.
    package borrowing func write(_ bytes: ArraySlice<UInt8>) throws(SystemError) -> Int {
        guard isShared else { return try descriptor.write(bytes) }
        guard descriptor.waitForOutput(milliseconds: 0) else { return 0 }
        return try descriptor.write(bytes.prefix(Self.pipeBuffer))
    }

    /// True if something can be written, or an error be read, within this time.
    @discardableResult
    package borrowing func wait(milliseconds: Int32) -> Bool {
        descriptor.waitForOutput(milliseconds: milliseconds)
    }

    /// PIPE_BUF of Linux.
    private static let pipeBuffer = 4096
}
