// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// Where a program of ours says what it did. Written at once and whole, without a buffer of its own; what nobody reads any
/// more is dropped.
package enum StandardStream: Int32, Sendable {
    /// Results.
    case output = 1
    /// Warnings and errors.
    case error = 2

    package func write(_ text: String) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let count = unsafe bytes.withUnsafeBytes { unsafe weft_write(rawValue, $0.baseAddress, $0.count) }
            if count == -Int(Errno.interrupted.number) { continue }
            if count == -Int(Errno.wouldBlock.number) {
                _ = weft_poll_output(rawValue, -1)
                continue
            }
            guard count > 0 else { return }
            bytes = bytes.dropFirst(count)
        }
    }
}
