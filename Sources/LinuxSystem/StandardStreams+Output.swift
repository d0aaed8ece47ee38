// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

extension StandardStream {
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
}
