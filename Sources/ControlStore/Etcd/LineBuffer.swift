// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import NIOCore

/// Lines out of chunks that end anywhere. Each byte is looked at once, however many chunks a line takes.
struct LineBuffer {
    private var waiting = ByteBuffer()
    /// Bytes of `waiting` that are known to hold no end of a line.
    private var searched = 0

    /// The length of what is not yet a line.
    var count: Int { waiting.readableBytes }

    mutating func append(_ chunk: ByteBuffer) {
        waiting.discardReadBytes()
        waiting.writeImmutableBuffer(chunk)
    }

    /// The next line, without its end; nil where more has to come.
    mutating func next() -> ByteBuffer? {
        let view = waiting.readableBytesView.dropFirst(searched)
        guard let end = view.firstIndex(of: UInt8(ascii: "\n")) else {
            searched = waiting.readableBytes
            return nil
        }
        searched = 0
        let line = waiting.readSlice(length: end - waiting.readerIndex)
        waiting.moveReaderIndex(forwardBy: 1)
        return line
    }
}
