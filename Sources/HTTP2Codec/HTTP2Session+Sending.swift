// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CNghttp2
package import HTTPCodec
internal import MeshModel

extension HTTP2Session {
    /// Opens a stream with a request; nil if none can be opened now (``canOpenStream``).
    package func submit(_ request: HTTPRequest, endsStream: Bool) -> Int32? {
        guard canOpenStream else { return nil }
        fields.begin()
        fields.add(":method", request.method)
        let isConnect = request.method == "CONNECT"
        if !isConnect { fields.add(":scheme", request.scheme ?? "http") }
        if !request.authority.isEmpty { fields.add(":authority", request.authority) }
        if !isConnect { fields.add(":path", request.target) }
        if case .length(let length) = request.body { fields.add("content-length", String(length)) }
        if request.acceptsTrailers { fields.add("te", "trailers") }
        if request.expectsContinue { fields.add("expect", "100-continue") }
        let id = unsafe fields.withList(request.fields, inRequest: true) { list, count in
            unsafe Library.withProvider(if: !endsStream) { provider in
                unsafe nghttp2_submit_request(library, nil, list, count, provider, nil)
            }
        }
        guard id > 0 else { return nil }
        let stream = HTTP2Stream(id, began: now, question: DecodedHead.Question(method: request.method))
        stream.hasHead = true
        stream.isEnded = endsStream
        add(stream)
        return id
    }

    /// Answers a request; interim answers any number of times before the one that counts. Nothing happens on a stream that
    /// is over.
    package func submit(_ answer: HTTPResponse, on stream: Int32, endsStream: Bool) {
        guard let stream = self.stream(stream) else { return }
        precondition(role == .server && !stream.hasHead, "A request is answered once.")
        // Never from our own doing: HTTP/2 knows no Upgrade, so that nobody can have asked for it.
        guard answer.status != 101 else { return reset(stream.id, .internalError) }
        fields.begin()
        fields.add(":status", String(answer.status))
        if let length = answer.writtenLength { fields.add("content-length", String(length)) }
        let isInterim = answer.isInterim
        let result: Int32 = unsafe fields.withList(answer.fields, inRequest: false) { list, count in
            if isInterim {
                return unsafe nghttp2_submit_headers(library, 0, stream.id, nil, list, count, nil)
            }
            return unsafe Library.withProvider(if: !endsStream) { provider in
                unsafe nghttp2_submit_response(library, stream.id, list, count, provider)
            }
        }
        guard result >= 0 else { return reset(stream.id, .internalError) }
        guard !isInterim else { return }
        stream.hasHead = true
        stream.isEnded = endsStream
    }

    /// Adds to the body. It is copied, and goes out as the peer's windows let it.
    package func send(_ bytes: UnsafeRawBufferPointer, on stream: Int32) {
        guard unsafe !bytes.isEmpty, let stream = self.stream(stream) else { return }
        precondition(stream.hasHead && !stream.isEnded, "A body is sent between its head and its end.")
        unsafe stream.append(bytes)
        if stream.pendingByteCount > Self.lowWater { stream.wantsRoomNews = true }
        resume(stream)
    }

    /// Ends our side of the stream, behind what waits there.
    package func end(_ stream: Int32, trailers: HTTPFields) {
        guard let stream = self.stream(stream), !stream.isEnded else { return }
        precondition(stream.hasHead, "A body is ended behind its head.")
        stream.isEnded = true
        stream.trailers = trailers
        resume(stream)
    }

    private func resume(_ stream: HTTP2Stream) {
        guard stream.isDeferred else { return }
        stream.isDeferred = false
        unsafe _ = nghttp2_session_resume_data(library, stream.id)
    }

    /// Ends the stream early; the user is told nothing more of it. A server that resets with NO_ERROR a stream whose answer
    /// it has ended lets the answer go out first: that is how a client is told not to send the rest of its body (RFC 9113
    /// section 8.1).
    package func reset(_ stream: Int32, _ code: HTTP2ErrorCode) {
        guard let stream = self.stream(stream) else { return }
        if code == .noError, role == .server, stream.isEnded {
            stopPeer(stream)
            return
        }
        wantedResets.insert(stream.id)
        unsafe _ = nghttp2_submit_rst_stream(library, 0, stream.id, code.rawValue)
        forget(stream.id)
    }

    /// Nothing more is wanted of the peer on this stream; it is told so once our end has left.
    func stopPeer(_ stream: HTTP2Stream) {
        guard stream.receiving != .ended else { return }
        stream.receiving = .discarding
        consumeAll(stream)
        stream.stopsPeerAfterEnd = true
        if stream.hasSentEnd { tellPeerToStop(stream) }
    }

    func tellPeerToStop(_ stream: HTTP2Stream) {
        wantedResets.insert(stream.id)
        unsafe _ = nghttp2_submit_rst_stream(library, 0, stream.id, HTTP2ErrorCode.noError.rawValue)
    }

    /// What was received has been passed on: the peer may send so much more.
    package func consume(_ byteCount: Int, on stream: Int32) {
        guard let stream = self.stream(stream) else { return }
        let count = min(byteCount, stream.unconsumed)
        guard count > 0 else { return }
        stream.unconsumed -= count
        if stream.receiving == .ended {
            // Its own window is of no use any more.
            unsafe _ = nghttp2_session_consume_connection(library, count)
        } else {
            unsafe _ = nghttp2_session_consume(library, stream.id, count)
        }
    }

    func consumeAll(_ stream: HTTP2Stream) { consume(stream.unconsumed, on: stream.id) }

    /// What was given to be sent on a stream and is still here.
    package func pendingByteCount(on stream: Int32) -> Int { self.stream(stream)?.pendingByteCount ?? 0 }

    /// How much of a body goes into the next DATA; the library asks, the bytes follow in ``write(_:_:_:)``.
    func read(_ id: Int32, atMost: Int, _ flags: inout UInt32) -> Int {
        guard let stream = self.stream(id) else { return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue) }
        let pending = stream.pendingByteCount
        guard pending > 0 || stream.isEnded else {
            stream.isDeferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        flags |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue
        guard stream.isEnded, pending <= atMost else { return min(pending, atMost) }
        flags |= NGHTTP2_DATA_FLAG_EOF.rawValue
        guard !stream.trailers.isEmpty else { return pending }
        fields.begin()
        let result = unsafe fields.withList(stream.trailers, inRequest: true) { list, count in
            unsafe count == 0 ? 1 : nghttp2_submit_trailer(library, id, list, count)
        }
        if result == 0 { flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue }
        return pending
    }

    /// Writes a DATA frame straight into the output: header and payload.
    func write(_ id: Int32, _ frameHeader: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
        guard output.count < outputTarget else { return NGHTTP2_ERR_WOULDBLOCK.rawValue }
        guard let stream = self.stream(id), stream.pendingByteCount >= count else {
            return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
        }
        unsafe output.append(contentsOf: UnsafeBufferPointer(start: frameHeader, count: 9))
        stream.take(count, to: &output)
        if stream.wantsRoomNews, stream.pendingByteCount <= Self.lowWater { hasRoom(stream) }
        return 0
    }

    /// A frame of ours has left for the output.
    func sent(_ frame: borrowing nghttp2_frame) {
        let header = unsafe frame.hd
        let isEnd = header.flags & UInt8(truncatingIfNeeded: NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue:
            floods.hasSentHead()
            stream(header.stream_id)?.isSent = true
            if isEnd { sentEnd(header.stream_id) }
        case NGHTTP2_DATA.rawValue:
            floods.hasSentBody()
            if isEnd { sentEnd(header.stream_id) }
        case NGHTTP2_RST_STREAM.rawValue:
            if wantedResets.remove(header.stream_id) != nil { return }
            let isRefusal = unsafe frame.rst_stream.error_code == HTTP2ErrorCode.refusedStream.rawValue
            if let failure = floods.count(isRefusal ? .refusedStreams : .brokenStreams) { fail(failure) }
        case NGHTTP2_GOAWAY.rawValue:
            let goAway = unsafe frame.goaway
            guard unsafe goAway.error_code != 0 else { return }
            // The library says why in words of its own.
            let reason = unsafe goAway.opaque_data.map {
                unsafe String(
                    decoding: UnsafeBufferPointer(start: $0, count: goAway.opaque_data_len), as: UTF8.self)
            }
            let code = unsafe HTTP2ErrorCode(rawValue: goAway.error_code)
            hasFailed(HTTP2Failure(code, reason.flatMap { $0.isEmpty ? nil : $0 } ?? Library.reason(code)))
        default: break
        }
    }

    /// The library could not send a frame. Without its head or its trailers an answer would never end; a client's stream is
    /// closed by the library itself.
    func notSent(_ frame: borrowing nghttp2_frame) {
        let header = unsafe frame.hd
        guard UInt32(header.type) == NGHTTP2_HEADERS.rawValue, failure == nil, let stream = stream(header.stream_id),
            role == .server || stream.isSent
        else { return }
        reset(stream.id, .internalError)
        tell(
            stream.id,
            HTTP2Reset(
                code: .internalError, detail: "a head or trailers were too large to be sent", isUntouched: false,
                isOurs: true))
    }

    private func sentEnd(_ id: Int32) {
        guard let stream = self.stream(id) else { return }
        stream.hasSentEnd = true
        if stream.stopsPeerAfterEnd { tellPeerToStop(stream) }
    }
}

extension HTTPResponse {
    /// What `content-length` says, by the rules of ``HTTPWriter``.
    fileprivate var writtenLength: UInt64? {
        guard status >= 200, status != 204 else { return nil }
        if body == .none { return absentLength }
        if status != 304, case .length(let length) = body { return length }
        return nil
    }
}
