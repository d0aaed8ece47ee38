// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// The standard streams of this process.
package enum StandardStream {
    /// Standard output for a program that must not wait for its reader.
    ///
    /// Making descriptor 1 itself non-blocking would change it for everybody who shares it, a shell for instance. Opening it
    /// anew gives a description of our own. That works for files, pipes and terminals; a socket is used as it is.
    package static func outputWithoutWaiting() -> Descriptor? {
        let reopened = unsafe weft_open_output("/proc/self/fd/1")
        if reopened >= 0 { return Descriptor(owning: reopened) }
        let copied = weft_duplicate(1)
        return copied >= 0 ? Descriptor(owning: copied) : nil
    }

    /// Writes all of a text to standard output or error, waiting as long as it takes.
    package static func print(_ text: String, toError: Bool = false) {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { bytes in
                unsafe weft_write(toError ? 2 : 1, bytes.baseAddress, bytes.count)
            }
            if count == -Int(Errno.wouldBlock.number) {
                _ = weft_poll_output(toError ? 2 : 1, 1000)
                continue
            }
            guard count > 0 else { return }
            rest = rest.dropFirst(count)
        }
    }
}
