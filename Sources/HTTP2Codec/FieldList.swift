// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNghttp2
internal import HTTPCodec

/// A head in the form in which the library takes it. One of them serves all heads of a session, so that no head costs an
/// allocation of ours; the library copies what it is given.
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

    mutating func add(_ fields: HTTPFields, inRequest: Bool) {
        fields.forEachWritten(inRequest: inRequest) { name, value in
            unsafe name.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
            unsafe value.withUnsafeBytes { unsafe bytes.append(contentsOf: $0) }
            lengths.append((name.byteCount, value.byteCount))
        }
    }

    /// Calls `body` with the list, which is good only inside.
    mutating func withList(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Int32) -> Int32 {
        // Taken out and put back: the pieces are used at the same time.
        var list = unsafe self.list
        unsafe self.list = []
        unsafe list.removeAll(keepingCapacity: true)
        let lengths = lengths
        let result = unsafe bytes.withUnsafeMutableBufferPointer { bytes in
            guard var next = bytes.baseAddress else { return body(nil, 0) }
            for (name, value) in lengths {
                let flags = UInt8(truncatingIfNeeded: NGHTTP2_NV_FLAG_NONE.rawValue)
                unsafe list.append(
                    nghttp2_nv(name: next, value: next + name, namelen: name, valuelen: value, flags: flags))
                unsafe next += name + value
            }
            return unsafe list.withUnsafeBufferPointer { unsafe body($0.baseAddress, $0.count) }
        }
        unsafe self.list = list
        return result
    }
}
