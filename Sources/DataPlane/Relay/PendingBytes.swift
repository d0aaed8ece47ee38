// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Bytes that a socket did not take, waiting for it to become writable. Bounded by whoever fills it: nothing more is read
/// for a sink while this is not empty. Its memory is given back as soon as it is.
struct PendingBytes {
    private var bytes: [UInt8] = []
    private var sent = 0

    var isEmpty: Bool { sent == bytes.count }
    var count: Int { bytes.count - sent }

    var rest: [UInt8] { Array(bytes[sent...]) }

    mutating func append(_ more: UnsafeRawBufferPointer) {
        unsafe bytes.append(contentsOf: more)
    }

    /// Offers what is left to `send`, which returns how much of it was taken.
    mutating func drain(_ send: (UnsafeRawBufferPointer) -> Int) {
        guard !isEmpty else { return }
        let taken = unsafe bytes.withUnsafeBytes { all in
            unsafe send(UnsafeRawBufferPointer(rebasing: all[sent...]))
        }
        sent += taken
        if isEmpty {
            bytes = []
            sent = 0
        }
    }
}
