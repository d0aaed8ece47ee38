// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Bytes for a socket: small ones that are gathered to be sent soon, and those that it did not take. Bounded by whoever
/// fills it: nothing more is read for a sink that is blocked. Its memory is given back as soon as it is empty, to
/// the buffers of the thread where the caller has them at hand.
struct PendingBytes {
    /// More than this is sent at once: what is large gains nothing by waiting, and would be copied.
    static let gatheredMax = 8 << 10

    private var bytes: [UInt8] = []
    private var sent = 0

    var isEmpty: Bool { sent == bytes.count }
    var count: Int { bytes.count - sent }

    var rest: [UInt8] { Array(bytes[sent...]) }

    mutating func append(_ more: UnsafeRawBufferPointer, _ buffers: ThreadBuffers? = nil) {
        if let buffers, bytes.capacity == 0 { bytes = buffers.array() }
        unsafe bytes.append(contentsOf: more)
    }

    /// The same of an array that the thread's buffers have lent: where nothing waits, it is kept as it is.
    mutating func append(lent more: consuming [UInt8], _ buffers: ThreadBuffers) {
        guard bytes.capacity > 0 else {
            bytes = more
            return
        }
        bytes += more
        buffers.giveBack(consume more)
    }

    /// Offers what is left to `send`, which returns how much of it was taken.
    mutating func drain(_ buffers: ThreadBuffers? = nil, _ send: (UnsafeRawBufferPointer) -> Int) {
        guard !isEmpty else { return }
        let taken = unsafe bytes.withUnsafeBytes { all in
            unsafe send(UnsafeRawBufferPointer(rebasing: all[sent...]))
        }
        sent += taken
        if isEmpty {
            var spent: [UInt8] = []
            swap(&spent, &bytes)
            sent = 0
            buffers?.giveBack(spent)
        }
    }
}
