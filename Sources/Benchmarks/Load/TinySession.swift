// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The server's side of one HTTP/2 connection: every request gets the same answer, whatever it asks for.
final class TinySession {
    private var frames = FrameCutter()
    private var hasAnswered = false
    /// What the peer lets us send in all.
    private var window = 65_535
    /// Requests whose answers did not fit into it.
    private var waiting: [UInt32] = []
    private var output: [UInt8] = []

    init() {
        // 100 streams at once, as most servers have it.
        HTTP2Wire.append(HTTP2Wire.Kind.settings, HTTP2Wire.setting(3, 100), to: &output)
        HTTP2Wire.append(HTTP2Wire.Kind.windowUpdate, HTTP2Wire.big(UInt32(HTTP2Wire.window)), to: &output)
    }

    /// What is to be sent after these bytes have come.
    func take(_ bytes: UnsafeRawBufferPointer) throws -> [UInt8] {
        var asked: [UInt32] = []
        try frames.take(bytes) { frame in
            switch frame.kind {
            case HTTP2Wire.Kind.settings where !frame.has(HTTP2Wire.Flag.acknowledges):
                HTTP2Wire.append(HTTP2Wire.Kind.settings, flags: HTTP2Wire.Flag.acknowledges, [], to: &output)
            case HTTP2Wire.Kind.ping where !frame.has(HTTP2Wire.Flag.acknowledges):
                HTTP2Wire.append(
                    HTTP2Wire.Kind.ping, flags: HTTP2Wire.Flag.acknowledges, Array(frame.payload), to: &output)
            case HTTP2Wire.Kind.windowUpdate where frame.stream == 0 && frame.payload.count == 4:
                window += Int(frame.payload.loadUnaligned(as: UInt32.self).bigEndian & 0x7fff_ffff)
            case HTTP2Wire.Kind.head, HTTP2Wire.Kind.data:
                if frame.has(HTTP2Wire.Flag.endStream) { asked.append(frame.stream) }
            default: break
            }
        }
        waiting += asked
        while window >= Call.answerBody.count, !waiting.isEmpty { answer(waiting.removeFirst()) }
        defer { output.removeAll(keepingCapacity: true) }
        return output
    }

    private func answer(_ stream: UInt32) {
        window -= Call.answerBody.count
        HTTP2Wire.append(
            HTTP2Wire.Kind.head, flags: HTTP2Wire.Flag.endHead, stream: stream,
            hasAnswered ? HTTP2Wire.laterAnswer : HTTP2Wire.firstAnswer, to: &output)
        HTTP2Wire.append(
            HTTP2Wire.Kind.data, flags: HTTP2Wire.Flag.endStream, stream: stream, Call.answerBody, to: &output)
        hasAnswered = true
    }
}
