// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import PeerProtocol
internal import TLSSession

/// The buffers that all connections of a thread share, since only one of them is worked on at a time. What a socket does
/// not take is copied out; nothing lives here from one event to the next.
@safe
final class ThreadBuffers {
    /// One frame with its header, which fills one TLS record.
    static let slotByteCount = WeftOne.headerLength + WeftOne.dataPayload
    static let slotCount = 16
    static let byteCount = 256 << 10
    /// As many full records as ``plaintext`` takes, which is what the other side sends at once. A buffer of 256 KiB leaves
    /// 352 bytes in the kernel, which would cost a read, a write and a wake-up of their own.
    static let ciphertextByteCount = slotCount * TLSStaging.recordByteCount

    /// What was read from a plaintext socket, on its way to the peer or to another plaintext socket.
    let outgoing = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)
    /// What was read from a peer's socket, still encrypted.
    let ciphertext = UnsafeMutableRawBufferPointer.allocate(byteCount: ciphertextByteCount, alignment: 64)
    /// The same, decrypted, on its way to a plaintext socket.
    let plaintext = UnsafeMutableRawBufferPointer.allocate(byteCount: byteCount, alignment: 64)

    /// Arrays that have been used, with their memory: small ones, as many as a turn with many requests needs.
    private var spare: [[UInt8]] = []
    private var spareByteCount = 0
    private static let spareByteCountMax = 96 << 10
    private static let spareArrayMax = 20 << 10

    /// An empty array for bytes on their way, with the memory of one that was given back, if there is any.
    func array() -> [UInt8] {
        // Not lent (ARCHITECTURE.md, "Properties are not lent").
        var spare: [[UInt8]] = []
        swap(&spare, &self.spare)
        let array = spare.popLast() ?? []
        self.spare = spare
        spareByteCount -= array.capacity
        return array
    }

    /// For the next who needs one.
    func giveBack(_ array: consuming [UInt8]) {
        guard 1...Self.spareArrayMax ~= array.capacity, spareByteCount + array.capacity <= Self.spareByteCountMax
        else { return }
        array.removeAll(keepingCapacity: true)
        spareByteCount += array.capacity
        var spare: [[UInt8]] = []
        swap(&spare, &self.spare)
        spare.append(array)
        self.spare = spare
    }

    /// True if a whole record might not fit into what is left of ``plaintext``.
    func hasLessThanARecord(behind offset: Int) -> Bool { Self.byteCount - offset < 16_384 }

    deinit {
        unsafe outgoing.deallocate()
        unsafe ciphertext.deallocate()
        unsafe plaintext.deallocate()
    }
}

/// How much to read at once from one source: little at first, more when reads come back full, less when the sink does not
/// keep up, since what the sink does not take has to be kept on the heap.
struct ReadSize {
    static let smallest = 16 << 10

    private(set) var byteCount = smallest
    /// The whole of the buffer that is read into.
    let largest: Int

    init(largest: Int = ThreadBuffers.byteCount) { self.largest = largest }

    var isLargest: Bool { byteCount == largest }

    mutating func wasFull() { byteCount = min(byteCount * 2, largest) }

    mutating func sinkFellBehind() { byteCount = max(byteCount / 2, Self.smallest) }
}
