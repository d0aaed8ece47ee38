// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Reads the body of a message in whatever pieces it comes (RFC 9112 sections 6 and 7).
struct BodyReader: ~Copyable, Sendable {
    enum Event: Sendable {
        /// A range of the bytes given, never empty.
        case data(Range<Int>)
        /// The trailers wait to be taken.
        case end
    }

    private enum State: Equatable, Sendable {
        /// So many bytes, and then the end.
        case counted(UInt64)
        case chunkSize
        case chunk(UInt64)
        case chunkCR
        case chunkLF
        case trailers
        /// Everything until the connection ends.
        case rest
    }

    private let settings: HTTPSettings
    private var state = State.counted(0)
    private var lines = LineScanner()
    private var trailers: FieldSection
    private var extensionBytes = 0

    init(_ settings: HTTPSettings) {
        self.settings = settings
        trailers = FieldSection(.trailers, settings)
    }

    /// Begins the next body; the one before has ended.
    mutating func begin(_ body: HTTPBody) {
        switch body {
        case .none: state = .counted(0)
        case .length(let length): state = .counted(length)
        case .untilClose, .tunnel: state = .rest
        case .chunked:
            state = .chunkSize
            lines.reset()
            trailers = FieldSection(.trailers, settings)
            extensionBytes = 0
        }
    }

    /// Ends with the connection, or has ended.
    var mayBeCut: Bool { state == .rest || state == .counted(0) }

    /// The next event; nil: everything was taken and more is needed. Not to be asked again after the end.
    mutating func next(_ bytes: RawSpan, _ offset: inout Int) throws(HTTPRefusal) -> Event? {
        while true {
            switch state {
            case .counted(0): return .end
            case .counted(let left):
                guard let range = Self.take(left, bytes, &offset) else { return nil }
                state = .counted(left - UInt64(range.count))
                return .data(range)
            case .rest:
                return Self.take(.max, bytes, &offset).map { .data($0) }
            case .chunkSize:
                let most = ChunkLine.bytes
                guard let line = try lines.next(bytes, &offset, upTo: most, .chunkExtensions, of: most) else {
                    return nil
                }
                lines.reset()
                switch line {
                case .inPlace(let range): try beginChunk(bytes.extracting(range))
                case .kept(let line): unsafe try beginChunk(line.span.bytes)
                }
            case .chunk(0): state = .chunkCR
            case .chunk(let left):
                guard let range = Self.take(left, bytes, &offset) else { return nil }
                state = .chunk(left - UInt64(range.count))
                return .data(range)
            case .chunkCR:
                guard try Self.expect(13, bytes, &offset) else { return nil }
                state = .chunkLF
            case .chunkLF:
                guard try Self.expect(10, bytes, &offset) else { return nil }
                state = .chunkSize
            case .trailers:
                let most = settings.headBytes
                guard let line = try lines.next(bytes, &offset, upTo: most, .trailers, of: most) else { return nil }
                switch line {
                case .inPlace(let range) where range.isEmpty: return .end
                case .inPlace(let range): try trailers.add(bytes.extracting(range))
                case .kept(let line) where line.isEmpty: return .end
                case .kept(let line): unsafe try trailers.add(line.span.bytes)
                }
            }
        }
    }

    /// The trailers of the body that has ended; without any of these where it was not chunked.
    mutating func takeTrailers() -> HTTPFields { trailers.takeForwarded() }

    private mutating func beginChunk(_ line: RawSpan) throws(HTTPRefusal) {
        let chunk = try ChunkLine(line)
        // Chunks of one byte with long extensions would make us read a thousand times what is carried on.
        extensionBytes += chunk.extensionBytes
        guard extensionBytes <= ChunkLine.extensionBytesOfBody else {
            throw .tooLarge(.chunkExtensions, seen: extensionBytes, limit: ChunkLine.extensionBytesOfBody)
        }
        state = chunk.size == 0 ? .trailers : .chunk(chunk.size)
    }

    private static func take(_ count: UInt64, _ bytes: RawSpan, _ offset: inout Int) -> Range<Int>? {
        let start = offset
        guard start < bytes.byteCount else { return nil }
        offset = start + Int(min(count, UInt64(bytes.byteCount - start)))
        return start..<offset
    }

    private static func expect(_ byte: UInt8, _ bytes: RawSpan, _ offset: inout Int) throws(HTTPRefusal) -> Bool {
        guard offset < bytes.byteCount else { return false }
        guard bytes.at(offset) == byte else { throw .malformed("a chunk does not end where its size says") }
        offset += 1
        return true
    }
}
