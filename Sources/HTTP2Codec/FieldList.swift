// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNghttp2
internal import HTTPCodec

/// A head in the form in which the library takes it: where each name and each value lies. The fields of a message stay where
/// they are; what is not among them, the pseudo-header fields and what frames the body, is put together here. One list serves
/// all heads of a session, so that no head costs an allocation of ours; the library copies what it is given.
@safe
struct FieldList {
    private var bytes: [UInt8] = []
    private var lengths: [(name: Int, value: Int)] = []
    private var list: [nghttp2_nv] = unsafe []

    mutating func begin() {
        bytes.removeAll(keepingCapacity: true)
        lengths.removeAll(keepingCapacity: true)
    }

    mutating func add(_ name: StaticString, _ value: String) {
        let start = bytes.count + name.utf8CodeUnitCount
        unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        unsafe value.utf8.span.bytes.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
        lengths.append((name.utf8CodeUnitCount, bytes.count - start))
    }

    /// Calls `body` with the list of what was added, and behind it the fields that go on; it is good only inside.
    mutating func withList(
        _ fields: HTTPFields, inRequest: Bool, _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32
    ) -> Int32 {
        // Taken out and put back: the pieces are used at the same time.
        var list = unsafe self.list
        unsafe self.list = []
        unsafe list.removeAll(keepingCapacity: true)
        let result = unsafe bytes.withUnsafeBytes { bytes in
            unsafe fields.withUnsafeBytes { others in
                var start = 0
                for (name, value) in lengths {
                    let middle = start + name
                    unsafe list.append(Self.entry(bytes, start..<middle, middle..<middle + value))
                    start = middle + value
                }
                fields.forEachPlaceWritten(inRequest: inRequest) { name, value, isUnique in
                    unsafe list.append(Self.entry(others, name, value, isUnique: isUnique))
                }
                return unsafe list.withUnsafeBufferPointer { unsafe body($0.baseAddress, $0.count) }
            }
        }
        unsafe self.list = list
        return result
    }

    /// What is different each time is kept out of the table of the compression, on both sides: it would be put in for nothing,
    /// and push out what comes again.
    private static func entry(
        _ bytes: UnsafeRawBufferPointer, _ name: Range<Int>, _ value: Range<Int>, isUnique: Bool = false
    ) -> nghttp2_nv {
        let flag = isUnique ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
        return unsafe nghttp2_nv(
            name: pointer(bytes, name), value: pointer(bytes, value), namelen: name.count, valuelen: value.count,
            flags: UInt8(truncatingIfNeeded: flag.rawValue))
    }

    /// The library has no word for what it only reads.
    private static func pointer(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> UnsafeMutablePointer<UInt8>? {
        let piece = unsafe bytes[range]
        return unsafe UnsafeRawBufferPointer(rebasing: piece).baseAddress.map {
            unsafe UnsafeMutablePointer(mutating: $0.assumingMemoryBound(to: UInt8.self))
        }
    }
}
