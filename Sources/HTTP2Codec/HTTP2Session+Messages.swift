// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel

/// What the peer's frames say of messages. Every call out to the user may end the stream it was about, so that each one is
/// followed by a look whether it is still there.
extension HTTP2Session {
    /// The block of a head has come whole. It is read whatever becomes of its stream: the next one may refer to it.
    func headCame(_ id: Int32, endsStream: Bool, _ block: RawSpan) throws(HTTP2Failure) {
        let stream = try streamOfHead(id)
        let kind: DecodedHead.Kind
        switch stream?.receiving {
        case .head: kind = role == .server ? .request : .response
        case .body, .discarding, nil: kind = .trailers
        case .ended: throw HTTP2Failure(.streamClosed, "HEADERS came on a stream that had ended")
        }
        try reader.read(block, as: kind, most: headBytesMost)
        guard let stream else { return }
        do throws(HTTPRefusal) {
            switch stream.receiving {
            case .head where role == .server:
                let request = try reader.head.request(endsStream: endsStream)
                begin(stream, request.body)
                user?.requestBegan(id, consume request)
                if endsStream { try ended(stream, HTTPFields()) }
            case .head:
                let response = try reader.head.response(to: stream.question, endsStream: endsStream)
                if !response.isInterim { begin(stream, response.body) }
                user?.answerBegan(id, consume response)
                if endsStream { try ended(stream, HTTPFields()) }
            case .body:
                try ended(stream, try reader.head.trailers(endsStream: endsStream))
            case .discarding where endsStream:
                stream.receiving = .ended
                forgetIfComplete(stream)
            case .ended, .discarding: break
            }
        } catch {
            refuse(stream, error)
        }
    }

    /// The stream that a head is for; nil if it is nobody's.
    private func streamOfHead(_ id: Int32) throws(HTTP2Failure) -> HTTP2Stream? {
        if let stream = stream(id) { return stream }
        guard role == .server else {
            guard id <= lastStream else { throw HTTP2Failure(.protocolError, "HEADERS came on a stream that is idle") }
            return nil
        }
        guard id > lastStream else { return nil }
        lastStream = id
        if state.contains(.hasNamedLast) { return nil }
        guard streamCount < settings.streams else {
            // Before our SETTINGS are known, a stream too much is merely refused.
            guard !hasSettingsAcknowledged else {
                throw HTTP2Failure(.protocolError, "more streams were opened than are taken at once")
            }
            appendReset(id, .refusedStream, counts: .refusedStreams)
            return nil
        }
        lastTaken = id
        let stream = HTTP2Stream(
            id, began: now, question: .plain, window: toldStreamWindow, receiveWindow: streamWindow,
            sendWindow: peerStreamWindow)
        add(stream)
        return stream
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
        guard !stream.isOver else { return }
        switch stream.receiving {
        case .head: throw .malformed("a stream ends before its head")
        case .ended: return
        case .discarding: stream.receiving = .ended
        case .body:
            guard stream.bodyLeft ?? 0 == 0 else { throw .malformed("the body is shorter than Content-Length says") }
            stream.receiving = .ended
            user?.ended(stream.id, trailers)
        }
        forgetIfComplete(stream)
    }

    /// A body has ended with DATA.
    func bodyEnded(_ stream: HTTP2Stream) {
        do throws(HTTPRefusal) { try ended(stream, HTTPFields()) } catch { refuse(stream, error) }
    }

    func data(_ id: Int32, _ bytes: UnsafeRawBufferPointer) {
        // One that we have reset is of no use to anybody.
        guard let stream = self.stream(id) else { return giveBack(bytes.count) }
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
        guard allowed < bytes.count, !stream.isOver else { return }
        refuse(stream, .malformed("the body is longer than Content-Length says, or there is none"))
    }

    /// Padding: part of the windows, and of nothing else.
    func dropped(_ byteCount: Int, on id: Int32) {
        guard let stream = stream(id) else { return giveBack(byteCount) }
        stream.unconsumed += byteCount
        consume(byteCount, on: id)
    }

    /// Ends a stream for what its peer did wrong. A request that is well-formed but not taken is answered, once the client
    /// can be: with a body of one line, as on HTTP/1.
    private func refuse(_ stream: HTTP2Stream, _ refusal: HTTPRefusal) {
        guard !stream.isOver else { return }
        let isNew = stream.receiving == .head
        let sentence = refusal.sentence
        if role == .server, isNew, !refusal.isMalformed {
            stream.receiving = .discarding
            answer(stream, refusal)
            user?.reset(
                stream.id,
                HTTP2Reset(
                    code: .noError, detail: sentence, isUntouched: true, isOurs: true, status: refusal.status))
            return
        }
        breakOff(stream, refusal.isMalformed ? .protocolError : .enhanceYourCalm, sentence)
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

    /// Resets a stream for a mistake of the peer's, and tells.
    func breakOff(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode, _ detail: String) {
        forget(stream)
        appendReset(stream.id, code, counts: .brokenStreams)
        user?.reset(stream.id, HTTP2Reset(code: code, detail: detail, isUntouched: false, isOurs: true))
    }

    /// The peer has ended the stream early, or will have nothing to do with it.
    func wasEnded(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
        forget(stream)
        guard stream.receiving != .discarding else { return }
        user?.reset(
            stream.id,
            HTTP2Reset(
                code: code, detail: "the peer ended the stream: \(code.name)",
                isUntouched: code == .refusedStream && role == .client, isOurs: false))
    }
}

extension HTTPRefusal {
    fileprivate var isMalformed: Bool { if case .malformed = self { true } else { false } }
}
