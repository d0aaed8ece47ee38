// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import HTTPCodec
package import MeshModel

/// Finds the frames in what the peer sends. A body is passed on in whatever pieces it comes; of every other frame what has
/// come is kept until it is whole, which is never more than one frame.
extension HTTP2Session {
    /// Takes bytes from the peer, however they are cut. A failure is final, and thrown again by every later call; what the
    /// peer should be told of it is in the output.
    package func receive(_ bytes: UnsafeRawBufferPointer, now: Instant) throws(HTTP2Failure) {
        precondition(!isMakingOutput, "Bytes are received only while no output is made.")
        if let ending { throw ending }
        self.now = now
        var floods = floods
        floods.moved(to: now)
        self.floods = floods
        user = owner
        defer { user = nil }
        let all = unsafe bytes.bytes
        var position = 0
        if prefaceLeft > 0 { position = takePreface(all) }
        while position < all.byteCount, !state.contains(.hasEnded) {
            if incoming != nil {
                position += unsafe takeData(UnsafeRawBufferPointer(rebasing: bytes[position...]))
            } else if !partial.isEmpty {
                position += complete(all.extracting(position..<all.byteCount))
            } else {
                position += takeFrame(all.extracting(position..<all.byteCount))
            }
        }
        tellNews()
        if let ending { throw ending }
    }

    private func takePreface(_ bytes: RawSpan) -> Int {
        var position = 0
        while prefaceLeft > 0, position < bytes.byteCount {
            let expected = Self.preface[Self.preface.count - prefaceLeft]
            guard unsafe bytes.unsafeLoad(fromByteOffset: position, as: UInt8.self) == expected else {
                fail(HTTP2Failure(.protocolError, "the connection does not begin with the preface of HTTP/2"))
                return position
            }
            position += 1
            prefaceLeft -= 1
        }
        return position
    }

    /// Takes a frame from where it begins, or keeps what has come of it.
    private func takeFrame(_ bytes: RawSpan) -> Int {
        guard bytes.byteCount >= FrameHeader.byteCount else {
            partial = bytes.array
            return bytes.byteCount
        }
        let header = FrameHeader(bytes)
        if let failure = judge(header) {
            fail(failure)
            return bytes.byteCount
        }
        if header.kind == FrameKind.data {
            begin(header)
            return FrameHeader.byteCount
        }
        let end = FrameHeader.byteCount + header.length
        guard end <= bytes.byteCount else {
            partial = bytes.array
            return bytes.byteCount
        }
        take(header, bytes.extracting(FrameHeader.byteCount..<end))
        return end
    }

    /// Adds to a frame that has begun to come.
    private func complete(_ bytes: RawSpan) -> Int {
        // Taken out: what is made of the frame may lead anywhere.
        var frame: [UInt8] = []
        swap(&frame, &partial)
        let wanted: Int
        if frame.count < FrameHeader.byteCount {
            wanted = FrameHeader.byteCount - frame.count
        } else {
            wanted = unsafe FrameHeader.byteCount + FrameHeader(frame.span.bytes).length - frame.count
        }
        let count = min(wanted, bytes.byteCount)
        unsafe bytes.extracting(0..<count).withUnsafeBytes { unsafe frame.append(contentsOf: $0) }
        guard count == wanted else {
            partial = frame
            return count
        }
        let header = unsafe FrameHeader(frame.span.bytes)
        if frame.count == FrameHeader.byteCount, header.length > 0 || header.kind == FrameKind.data {
            if let failure = judge(header) {
                fail(failure)
            } else if header.kind == FrameKind.data {
                begin(header)
            } else {
                partial = frame
            }
            return count
        }
        if header.length == 0, let failure = judge(header) {
            fail(failure)
            return count
        }
        take(header, unsafe frame.span.bytes.extracting(FrameHeader.byteCount..<frame.count))
        return count
    }

    /// Looks at a frame's header, once, as soon as that is there: what is too large, what comes at the wrong time, and what
    /// comes too often.
    private func judge(_ header: FrameHeader) -> HTTP2Failure? {
        guard header.length <= FrameHeader.payloadMost else {
            return HTTP2Failure(.frameSizeError, "a frame is larger than the 16,384 bytes that were announced")
        }
        let state = state
        if state.contains(.isInHead), header.kind != FrameKind.continuation || header.stream != unfinished?.stream {
            return HTTP2Failure(.protocolError, "another frame stands where CONTINUATION must")
        }
        if !state.contains(.hasSeenSettings), header.kind != FrameKind.settings || header.isAcknowledgement {
            return HTTP2Failure(.protocolError, "the first frame is not SETTINGS")
        }
        switch header.kind {
        case FrameKind.data:
            // One that ends its stream is what many clients end a body with.
            return header.length == 0 && !header.endsStream ? floods.count(.emptyData) : nil
        case FrameKind.headers:
            guard role == .server else { return nil }
            if header.stream <= lastStream { return floods.count(.lateHeads) }
            floods.hasOpenedStream()
            return nil
        case FrameKind.settings: return header.isAcknowledgement ? nil : floods.count(.settings)
        case FrameKind.ping: return floods.count(.pings)
        case FrameKind.windowUpdate: return floods.count(.windowUpdates)
        case FrameKind.pushPromise:
            return HTTP2Failure(
                .protocolError,
                role == .server ? "a client sent PUSH_PROMISE" : "a server sent PUSH_PROMISE, which it was told not to")
        case FrameKind.continuation:
            guard state.contains(.isInHead) else {
                return HTTP2Failure(.protocolError, "CONTINUATION follows no head that goes on")
            }
            unfinished?.continuations += 1
            guard unfinished?.continuations ?? 0 > continuationsMost else { return nil }
            return HTTP2Failure(.enhanceYourCalm, FloodGuard.sentence(.continuations), limit: .continuations)
        case FrameKind.resetStream, FrameKind.goAway: return nil
        default: return floods.count(.otherFrames)
        }
    }

    /// Takes a frame that has come whole.
    private func take(_ header: FrameHeader, _ payload: RawSpan) {
        do throws(HTTP2Failure) {
            switch header.kind {
            case FrameKind.headers: try takeHead(header, payload)
            case FrameKind.continuation: try continueHead(header, payload)
            case FrameKind.resetStream: try takeReset(header, payload)
            case FrameKind.settings: try takeSettings(header, payload)
            case FrameKind.ping: try takePing(header, payload)
            case FrameKind.goAway: try takeGoAway(header, payload)
            case FrameKind.windowUpdate: try takeWindowUpdate(header, payload)
            case FrameKind.priority:
                guard header.stream != 0 else { throw HTTP2Failure(.protocolError, "PRIORITY came on stream 0") }
                guard header.length == 5 else { throw .wrongSize("PRIORITY") }
            default: break
            }
        } catch {
            fail(error)
        }
    }

    // MARK: Heads

    private func takeHead(_ header: FrameHeader, _ payload: RawSpan) throws(HTTP2Failure) {
        guard header.stream != 0 else { throw HTTP2Failure(.protocolError, "HEADERS came on stream 0") }
        guard header.stream % 2 == 1 else {
            throw HTTP2Failure(.protocolError, "HEADERS came on a stream of an even number, which nobody has opened")
        }
        var start = 0
        var padding = 0
        if header.isPadded {
            guard payload.byteCount > 0 else { throw .wrongSize("HEADERS") }
            padding = Int(unsafe payload.unsafeLoad(fromByteOffset: 0, as: UInt8.self))
            start = 1
        }
        if header.hasPriority { start += 5 }
        guard start <= payload.byteCount else { throw .wrongSize("HEADERS") }
        guard padding <= payload.byteCount - start else { throw .padding("HEADERS") }
        let block = payload.extracting(start..<payload.byteCount - padding)
        guard header.endsHead else {
            state.insert(.isInHead)
            unfinished = UnfinishedHead(stream: header.stream, endsStream: header.endsStream, block: block.array)
            return
        }
        try headCame(header.stream, endsStream: header.endsStream, block)
    }

    private func continueHead(_ header: FrameHeader, _ payload: RawSpan) throws(HTTP2Failure) {
        guard unfinished != nil else { return }
        unsafe payload.withUnsafeBytes { unsafe unfinished?.block.append(contentsOf: $0) }
        guard header.endsHead, let whole = unfinished.take() else { return }
        state.remove(.isInHead)
        try headCame(whole.stream, endsStream: whole.endsStream, unsafe whole.block.span.bytes)
    }

    // MARK: Bodies

    /// DATA begins to come. All of it counts for the windows, whatever becomes of it (RFC 9113 section 6.9.1).
    private func begin(_ header: FrameHeader) {
        guard header.stream != 0 else {
            return fail(HTTP2Failure(.protocolError, "DATA came on stream 0"))
        }
        guard header.stream <= lastStream, header.stream % 2 == 1 else {
            return fail(HTTP2Failure(.protocolError, "DATA came on a stream that is idle"))
        }
        guard header.length <= receiveWindow else {
            return fail(HTTP2Failure(.flowControlError, "the peer sent more than the connection's window allowed"))
        }
        receiveWindow -= header.length
        if let stream = stream(header.stream) {
            if stream.receiving == .ended {
                return fail(HTTP2Failure(.streamClosed, "DATA came on a stream that had ended"))
            }
            if header.length > stream.receiveWindow {
                breakOff(stream, .flowControlError, "the peer sent more than the window allowed")
            } else {
                stream.receiveWindow -= header.length
            }
        }
        guard !header.isPadded || header.length > 0 else { return fail(.wrongSize("DATA")) }
        incoming = IncomingData(
            stream: header.stream, endsStream: header.endsStream, isLengthAwaited: header.isPadded,
            left: header.length)
        if header.length == 0 { finishData() }
    }

    /// Passes on what has come of DATA; how many bytes that was.
    private func takeData(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard var data = incoming else { return 0 }
        if data.isLengthAwaited {
            let padding = unsafe Int(bytes[0])
            guard padding < data.left else {
                incoming = nil
                fail(.padding("DATA"))
                return 1
            }
            data.isLengthAwaited = false
            data.left -= 1 + padding
            data.paddingLeft = padding
            incoming = data
            if data.left == 0, !data.endsStream, let failure = floods.count(.emptyData) { fail(failure) }
            dropped(1 + padding, on: data.stream)
            if data.left == 0, padding == 0 { finishData() }
            return 1
        }
        if data.left > 0 {
            let count = min(data.left, bytes.count)
            incoming?.left = data.left - count
            unsafe self.data(data.stream, UnsafeRawBufferPointer(rebasing: bytes[..<count]))
            if count == data.left, data.paddingLeft == 0 { finishData() }
            return count
        }
        let count = min(data.paddingLeft, bytes.count)
        incoming?.paddingLeft = data.paddingLeft - count
        if count == data.paddingLeft { finishData() }
        return count
    }

    private func finishData() {
        guard let data = incoming.take() else { return }
        if data.endsStream, let stream = stream(data.stream) { bodyEnded(stream) }
    }
}

extension HTTP2Failure {
    static func wrongSize(_ frame: String) -> HTTP2Failure {
        HTTP2Failure(.frameSizeError, "\(frame) has a wrong size")
    }

    static func padding(_ frame: String) -> HTTP2Failure {
        HTTP2Failure(.protocolError, "the padding of \(frame) is as long as the frame")
    }
}
