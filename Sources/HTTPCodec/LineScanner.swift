// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Finds lines that end in CRLF, in whatever pieces they come; every byte is looked at once, those of a line
/// that is cut perhaps twice.
///
/// A line that lies whole in the bytes given is handed out as a range of them; only one that was cut is kept and put
/// together. A control character is refused where it stands, so that a line which will never be one is not waited for.
struct LineScanner: ~Copyable, Sendable {
    enum Line {
        /// In the bytes given, without its end.
        case inPlace(Range<Int>)
        /// Put together from several pieces.
        case kept([UInt8])
    }

    /// The beginning of a line whose end has not come.
    private var beginning: [UInt8] = []
    private var endsInCR = false
    /// Bytes taken since ``reset()``, line ends included.
    private(set) var used = 0

    /// Nothing of a line has come.
    var isAtLineStart: Bool { beginning.isEmpty && !endsInCR }

    /// Counts from zero again; to be called between lines.
    mutating func reset() { used = 0 }

    /// The next line where it lies whole in the bytes given, as nearly all do; nil: nothing was taken, and
    /// ``next(_:_:upTo:_:of:)`` has to say why.
    @inline(__always)
    mutating func nextWhole(_ bytes: RawSpan, _ offset: inout Int, upTo cap: Int) -> Range<Int>? {
        guard isAtLineStart else { return nil }
        let start = offset
        let end = bytes.lineTextEnd(from: start, before: bytes.byteCount)
        guard end + 1 < bytes.byteCount, bytes.at(end) == 13, bytes.at(end + 1) == 10, end + 2 - start <= cap - used
        else { return nil }
        offset = end + 2
        used += end + 2 - start
        return start..<end
    }

    /// The next line; nil: all was taken and none has ended. At most `cap` bytes are taken since the
    /// reset; more are refused as `limit`, which is `most`.
    mutating func next(
        _ bytes: RawSpan, _ offset: inout Int, upTo cap: Int, _ limit: HTTPLimit, of most: Int
    ) throws(HTTPRefusal) -> Line? {
        let start = offset
        let allowed = max(0, cap - used)
        let end = bytes.byteCount - start > allowed ? start + allowed : bytes.byteCount
        var index = start
        if !endsInCR {
            index = bytes.lineTextEnd(from: start, before: end)
            if index < end {
                try Self.requireCR(bytes.at(index))
                index += 1
                endsInCR = true
            }
        }
        let textEnd = endsInCR && index > start ? index - 1 : index
        guard endsInCR, index < end else {
            keep(bytes, start..<textEnd)
            used += index - start
            offset = index
            guard index == bytes.byteCount else { throw .tooLarge(limit, seen: nil, limit: most) }
            return nil
        }
        guard bytes.at(index) == 10 else { throw .malformed("a CR stands without LF") }
        endsInCR = false
        index += 1
        used += index - start
        offset = index
        guard !beginning.isEmpty else { return .inPlace(start..<textEnd) }
        keep(bytes, start..<textEnd)
        let line = beginning
        beginning = []
        return .kept(line)
    }

    private mutating func keep(_ bytes: RawSpan, _ range: Range<Int>) {
        unsafe bytes.extracting(range).withUnsafeBytes { unsafe beginning.append(contentsOf: $0) }
    }

    private static func requireCR(_ byte: UInt8) throws(HTTPRefusal) {
        switch byte {
        case 13: return
        case 10: throw .malformed("a line ends without CR")
        case 0: throw .malformed("there is a NUL")
        default: throw .malformed("there is a control character")
        }
    }
}
