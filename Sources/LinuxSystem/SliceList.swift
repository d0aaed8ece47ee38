// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux

/// Pieces of memory to be sent one after the other with a single call. It borrows them: whoever adds a piece keeps it in
/// place until the list is cleared. One per thread, allocated once; an object, so that no access to it is checked at run time.
@safe
package final class SliceList {
    /// As many as the kernel is offered at once here; a relay sends before it adds more.
    package static let capacity = 64

    private let slices = UnsafeMutablePointer<weft_slice>.allocate(capacity: capacity)
    private var used = 0
    private var usedByteCount = 0

    package init() {}

    deinit { unsafe slices.deallocate() }

    package var count: Int { used }
    package var byteCount: Int { usedByteCount }

    var base: UnsafePointer<weft_slice> { unsafe UnsafePointer(slices) }

    package var isFull: Bool { count == Self.capacity }
    package var isEmpty: Bool { count == 0 }

    package func add(_ bytes: UnsafeRawBufferPointer) {
        precondition(count < Self.capacity, "A full list is sent before more is added.")
        unsafe (slices + count).initialize(to: weft_slice(base: bytes.baseAddress, count: bytes.count))
        used += 1
        usedByteCount += bytes.count
    }

    package func clear() {
        used = 0
        usedByteCount = 0
    }

    /// Hands out what lies behind the first `sent` bytes, piece by piece.
    package func forEachRest(after sent: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
        var skip = sent
        for index in 0..<count {
            let slice = unsafe slices[index]
            let length = unsafe slice.count
            if skip >= length {
                skip -= length
                continue
            }
            unsafe body(UnsafeRawBufferPointer(start: slice.base.map { unsafe $0 + skip }, count: length - skip))
            skip = 0
        }
    }
}
