// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNghttp2
internal import HTTPCodec
internal import MeshModel

/// What the library tells of the peer's frames. Every call out to the user may end the stream it was about, so that each
/// one is followed by a look whether it is still there.
extension HTTP2Session {
    /// A header block begins.
    func headBegan(_ id: Int32) {
        headStream = id
        if let stream = self.stream(id) {
            switch stream.receiving {
            case .head: head.begin(.response)
            case .body: head.begin(.trailers)
            case .ended, .discarding: headStream = 0
            }
        } else if role == .server, id % 2 == 1 {
            head.begin(.request)
            let stream = HTTP2Stream(id, began: now, question: .plain)
            add(stream)
            unsafe Library.shareFairly(library, id)
        } else {
            headStream = 0
        }
    }

    /// False: the head is so large that the connection ends.
    func field(_ id: Int32, _ name: RawSpan, _ value: RawSpan) -> Bool {
        guard id == headStream else { return true }
        head.add(name: name, value: value)
        guard head.byteCount > headBytesMost else { return true }
        fail(.headBytes)
        return false
    }

    /// A header block has come whole.
    func headEnded(_ id: Int32, endsStream: Bool) {
        guard id == headStream, let stream = self.stream(id) else { return }
        headStream = 0
        do throws(HTTPRefusal) {
            switch stream.receiving {
            case .head where role == .server:
                let request = try head.request(endsStream: endsStream)
                begin(stream, request.body)
                user?.requestBegan(id, consume request)
                if endsStream { try ended(stream, HTTPFields()) }
            case .head:
                let response = try head.response(to: stream.question, endsStream: endsStream)
                if !response.isInterim { begin(stream, response.body) }
                user?.answerBegan(id, consume response)
                if endsStream { try ended(stream, HTTPFields()) }
            case .body:
                try ended(stream, try head.trailers(endsStream: endsStream))
            case .ended, .discarding: break
            }
        } catch {
            refuse(stream, error)
        }
    }

    private func begin(_ stream: HTTP2Stream, _ body: HTTPBody) {
        stream.receiving = .body
        switch body {
        case .none: stream.bodyLeft = 0
        case .length(let length): stream.bodyLeft = length
        case .chunked, .untilClose, .tunnel: stream.bodyLeft = nil
        }
    }

    /// The peer's end of the stream; the stream may be gone by now, and then there is nothing to tell.
    private func ended(_ stream: HTTP2Stream, _ trailers: HTTPFields) throws(HTTPRefusal) {
        guard streams[stream.id] === stream else { return }
        switch stream.receiving {
        case .head: throw .malformed("a stream ends before its head")
        case .ended: return
        case .discarding: stream.receiving = .ended
        case .body:
            guard stream.bodyLeft ?? 0 == 0 else { throw .malformed("the body is shorter than Content-Length says") }
            stream.receiving = .ended
            user?.ended(stream.id, trailers)
        }
    }

    func data(_ id: Int32, _ bytes: UnsafeRawBufferPointer) {
        guard let stream = self.stream(id) else {
            // Of a stream that we have reset.
            unsafe _ = nghttp2_session_consume(library, id, bytes.count)
            return
        }
        guard stream.unconsumed + bytes.count <= streamWindow else {
            // The library has reset the stream for it, and hands the bytes out all the same.
            unsafe _ = nghttp2_session_consume(library, id, bytes.count)
            return
        }
        stream.unconsumed += bytes.count
        switch stream.receiving {
        case .body: break
        case .head: return refuse(stream, .malformed("DATA comes before a head"))
        case .ended, .discarding: return consumeAll(stream)
        }
        guard let left = stream.bodyLeft else {
            unsafe user?.received(id, bytes)
            return
        }
        let allowed = Int(min(left, UInt64(bytes.count)))
        stream.bodyLeft = left - UInt64(allowed)
        // What belongs to the body is told, so that it is the same in whatever pieces it comes.
        if allowed > 0 { unsafe user?.received(id, UnsafeRawBufferPointer(rebasing: bytes[..<allowed])) }
        guard allowed < bytes.count, streams[id] === stream else { return }
        refuse(stream, .malformed("the body is longer than Content-Length says, or there is none"))
    }

    /// Ends a stream for what its peer did wrong. A request that is well-formed but not taken is answered, once the client
    /// can be: with a body of one line, as on HTTP/1.
    private func refuse(_ stream: HTTP2Stream, _ refusal: HTTPRefusal) {
        let isNew = stream.receiving == .head
        let sentence = refusal.sentence
        if role == .server, isNew, !refusal.isMalformed {
            stream.receiving = .discarding
            answer(stream, refusal)
            tell(
                stream.id,
                HTTP2Reset(
                    code: .noError, detail: sentence, isUntouched: true, isOurs: true, status: refusal.status))
            return
        }
        let code: HTTP2ErrorCode = refusal.isMalformed ? .protocolError : .enhanceYourCalm
        unsafe _ = nghttp2_submit_rst_stream(library, 0, stream.id, code.rawValue)
        forget(stream.id)
        tell(stream.id, HTTP2Reset(code: code, detail: sentence, isUntouched: false, isOurs: true))
    }

    private func answer(_ stream: HTTP2Stream, _ refusal: HTTPRefusal) {
        let text = Array((refusal.sentence + "\n").utf8)
        var response = HTTPResponse(status: refusal.status)
        response.fields.add("content-type", "text/plain; charset=utf-8")
        response.body = .length(UInt64(text.count))
        submit(response, on: stream.id, endsStream: false)
        unsafe text.withUnsafeBytes { unsafe send($0, on: stream.id) }
        end(stream.id, trailers: HTTPFields())
        stopPeer(stream)
    }

    /// A frame has come whole, and the library has found nothing wrong with it.
    func received(_ frame: borrowing nghttp2_frame) {
        let header = unsafe frame.hd
        let flags = UInt32(header.flags)
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            headEnded(header.stream_id, endsStream: flags & NGHTTP2_FLAG_END_STREAM.rawValue != 0)
        case NGHTTP2_DATA.rawValue:
            let endsStream = flags & NGHTTP2_FLAG_END_STREAM.rawValue != 0
            if !endsStream, header.length > 0, unsafe frame.data.padlen >= header.length {
                // The census sees its length only.
                if let failure = floods.count(.emptyData) { fail(failure) }
            }
            guard endsStream, let stream = self.stream(header.stream_id) else { return }
            do throws(HTTPRefusal) { try ended(stream, HTTPFields()) } catch { refuse(stream, error) }
        case NGHTTP2_RST_STREAM.rawValue: wasReset(header.stream_id)
        case NGHTTP2_SETTINGS.rawValue:
            if flags & NGHTTP2_FLAG_ACK.rawValue != 0 {
                hasSettingsAcknowledged = true
            } else {
                hasSeenSettings = true
            }
        case NGHTTP2_PING.rawValue:
            if flags & NGHTTP2_FLAG_ACK.rawValue != 0, unansweredPingCount > 0 { unansweredPingCount -= 1 }
        case NGHTTP2_GOAWAY.rawValue:
            guard !isPeerLeaving else { return }
            isPeerLeaving = true
            user?.goingAway()
        default: break
        }
    }

    private func wasReset(_ id: Int32) {
        let stream = self.stream(id)
        stream?.isResetByPeer = true
        // A request that was cancelled after a while has had its use of us; one cancelled at once costs the peer nothing.
        let isQuick = stream.map { now - $0.began < .seconds(1) } ?? true
        guard isQuick, role == .server || stream == nil else { return }
        if let failure = floods.count(.cancelledRequests) { fail(failure) }
    }

    /// The stream is over for the library.
    func closed(_ id: Int32, _ code: UInt32) {
        guard let stream = forget(id) else { return }
        let isInOrder = stream.receiving == .ended && stream.hasSentEnd && !stream.isResetByPeer
        guard !isInOrder, stream.receiving != .discarding else { return }
        let code = HTTP2ErrorCode(rawValue: code)
        let isUnsent = role == .client && !stream.isSent
        let isRefused = code == .refusedStream && role == .client
        let isTheirs = stream.isResetByPeer || isRefused && (isPeerLeaving || !isUnsent)
        let detail =
            isUnsent
            ? "the request was not sent" : isTheirs ? "the peer ended the stream: \(code.name)" : Library.reason(code)
        tell(id, HTTP2Reset(code: code, detail: detail, isUntouched: isRefused || isUnsent, isOurs: !isTheirs))
    }
}

extension HTTPRefusal {
    fileprivate var isMalformed: Bool { if case .malformed = self { true } else { false } }
}
