// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// Waiting for one descriptor, for command line tools; a loop waits for all of its own at once.
extension Descriptor {
    /// True if there is input, an end or an error to be read within this time.
    package borrowing func waitForInput(milliseconds: Int32) -> Bool {
        let descriptors = [number]
        return unsafe weft_poll_input(descriptors, 1, milliseconds) > 0
    }

    /// True if something can be written, or an error be read, within this time.
    @discardableResult
    package borrowing func waitForOutput(milliseconds: Int32) -> Bool {
        weft_poll_output(number, milliseconds) > 0
    }
}
