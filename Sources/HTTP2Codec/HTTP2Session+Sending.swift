// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import HTTPCodec
internal import MeshModel

extension HTTP2Session {
    // MARK: Heads

    /// Opens a stream with a request; nil if none can be opened now (``canOpenStream``).
    package func submit(_ request: borrowing HTTPRequest, endsStream: Bool) -> Int32? {
        guard canOpenStream else { return nil }
        let id = lastStream == 0 ? 1 : lastStream + 2
        lastStream = id
        let stream = HTTP2Stream(
            id, began: now, question: DecodedHead.Question(method: request.method), window: toldStreamWindow,
            receiveWindow: streamWindow, sendWindow: peerStreamWindow)
        stream.hasHead = true
        add(stream)
        let size = request.fields.byteCount + request.target.utf8.count + request.authority.utf8.count
        guard size <= sentHeadMost else {
            forget(stream)
            // Not from here: the owner does not know its number yet.
            news.append(
                .reset(
                    id,
                    HTTP2Reset(
                        code: .refusedStream, detail: "the request was not sent", isUntouched: true, isOurs: true)))
            return id
        }
        let flags = endsStream ? FrameFlag.endStream : 0
        wrote(stream, writing { $0.appendHead(flags, id) { encoder.encode(request, to: &$0) } })
        if endsStream { sentEnd(stream) }
        return id
    }

    /// Answers a request; interim answers any number of times before the one that counts. Nothing happens on a stream that
    /// is over.
    package func submit(_ answer: borrowing HTTPResponse, on stream: Int32, endsStream: Bool) {
        guard !state.contains(.hasEnded), let stream = self.stream(stream) else { return }
        precondition(role == .server && !stream.hasHead, "A request is answered once.")
        // Never from our own doing: HTTP/2 knows no Upgrade, so that nobody can have asked for it.
        guard answer.status != 101 else { return reset(stream.id, .internalError) }
        guard answer.fields.byteCount <= sentHeadMost else { return abandon(stream) }
        let isInterim = answer.isInterim
        let flags = endsStream && !isInterim ? FrameFlag.endStream : 0
        wrote(stream, writing { $0.appendHead(flags, stream.id) { encoder.encode(answer, to: &$0) } })
        guard !isInterim else { return }
        stream.hasHead = true
        if endsStream { sentEnd(stream) }
    }

    /// A head or trailers that are too large for any peer: without them the answer would never end.
    private func abandon(_ stream: HTTP2Stream) {
        reset(stream.id, .internalError)
        news.append(
            .reset(
                stream.id,
                HTTP2Reset(
                    code: .internalError, detail: "a head or trailers were too large to be sent", isUntouched: false,
                    isOurs: true)))
    }

    private func wrote(_ stream: HTTP2Stream, _ start: Int) {
        floods.hasSentHead()
        stream.lastFrame = start
        stream.lastFrameTurn = turn
    }

    // MARK: Bodies

    /// Adds to the body. It is copied, and goes out as the peer's windows let it.
    package func send(_ bytes: UnsafeRawBufferPointer, on stream: Int32) {
        guard unsafe !bytes.isEmpty && !state.contains(.hasEnded), let stream = self.stream(stream) else { return }
        precondition(stream.hasHead && !stream.isEnded, "A body is sent between its head and its end.")
        if mayPass(stream, bytes.count) {
            return writing { output in
                appendFrameOfData(stream, bytes.count, isLast: false, to: &output)
                unsafe output.append(contentsOf: bytes)
            }
        }
        unsafe stream.append(bytes)
        if stream.pendingByteCount > Self.lowWater { stream.wantsRoomNews = true }
        enqueueIfUseful(stream)
    }

    /// So short, and with nobody before it, that it need not wait for its turn.
    private func mayPass(_ stream: HTTP2Stream, _ byteCount: Int) -> Bool {
        byteCount <= FrameHeader.payloadMost && byteCount <= stream.sendWindow && byteCount <= sendWindow
            && queue.isEmpty && stream.pendingByteCount == 0 && output.count < Self.directMost
    }

    private func appendFrameOfData(
        _ stream: HTTP2Stream, _ byteCount: Int, isLast: Bool, to bytes: inout [UInt8]
    ) {
        floods.hasSentBody()
        stream.lastFrame = bytes.count
        stream.lastFrameTurn = turn
        stream.sendWindow -= byteCount
        sendWindow -= byteCount
        bytes.appendFrame(FrameKind.data, isLast ? FrameFlag.endStream : 0, stream.id, length: byteCount)
    }

    /// Writes at once what waits on a stream, as far as the windows let it: for one that is about to be reset.
    package func sendWaiting(on stream: Int32) {
        guard !state.contains(.hasEnded), let stream = self.stream(stream) else { return }
        writing { output in
            while true {
                let count = min(stream.pendingByteCount, FrameHeader.payloadMost, stream.sendWindow, sendWindow)
                guard count > 0 else { return }
                appendFrameOfData(stream, count, isLast: false, to: &output)
                stream.take(count, to: &output)
            }
        }
    }

    /// Ends our side of the stream, behind what waits there.
    package func end(_ stream: Int32, trailers: HTTPFields) {
        guard !state.contains(.hasEnded), let stream = self.stream(stream), !stream.isEnded else { return }
        precondition(stream.hasHead, "A body is ended behind its head.")
        stream.isEnded = true
        guard stream.pendingByteCount == 0 else {
            stream.trailers = trailers
            return enqueueIfUseful(stream)
        }
        if trailers.isEmpty, stream.lastFrameTurn == turn {
            // Its last frame is still here, and says it.
            writing { $0[stream.lastFrame + 4] |= FrameFlag.endStream }
            return sentEnd(stream)
        }
        stream.trailers = trailers
        writeEnd(stream)
    }

    /// Writes trailers, or an empty DATA.
    private func writeEnd(_ stream: HTTP2Stream) {
        if stream.trailers.isEmpty {
            writing { appendFrameOfData(stream, 0, isLast: true, to: &$0) }
        } else {
            guard stream.trailers.byteCount <= sentHeadMost else { return abandon(stream) }
            let trailers = stream.trailers
            let start = writing {
                $0.appendHead(FrameFlag.endStream, stream.id) { encoder.encode(trailers: trailers, to: &$0) }
            }
            wrote(stream, start)
        }
        sentEnd(stream)
    }

    private func sentEnd(_ stream: HTTP2Stream) {
        stream.isEnded = true
        stream.hasSentEnd = true
        if stream.stopsPeerAfterEnd { return tellPeerToStop(stream) }
        forgetIfComplete(stream)
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
        forget(stream)
        appendReset(stream.id, code, counts: nil)
    }

    /// Nothing more is wanted of the peer on this stream; it is told so once our end has left.
    func stopPeer(_ stream: HTTP2Stream) {
        guard !stream.isOver, stream.receiving != .ended else { return }
        stream.receiving = .discarding
        consumeAll(stream)
        stream.stopsPeerAfterEnd = true
        if stream.hasSentEnd { tellPeerToStop(stream) }
    }

    private func tellPeerToStop(_ stream: HTTP2Stream) {
        forget(stream)
        appendReset(stream.id, .noError, counts: nil)
    }

    // MARK: Output

    /// What was given to be sent on a stream and is still here.
    package func pendingByteCount(on stream: Int32) -> Int { self.stream(stream)?.pendingByteCount ?? 0 }

    /// Has a stream wait for its turn, if it has something to send that its window lets through.
    func enqueueIfUseful(_ stream: HTTP2Stream) {
        guard !stream.isQueued, !stream.hasSentEnd else { return }
        let pending = stream.pendingByteCount
        guard pending > 0 && stream.sendWindow > 0 || pending == 0 && stream.isEnded else { return }
        stream.isQueued = true
        queueing { $0.append(stream) }
    }

    /// The connection's window is open again.
    func unstall() {
        let streams = stalled
        stalled = []
        for stream in streams where !stream.isOver {
            stream.isQueued = false
            enqueueIfUseful(stream)
        }
    }

    /// Appends output. About `atMost` bytes: a frame is not cut, and what was made ready is given out whole, so that there may
    /// be 32 KiB more. May append nothing although there seemed to be some.
    package func takeOutput(into bytes: inout [UInt8], atMost: Int) {
        precondition(!isMakingOutput, "Output is not asked for from inside the session.")
        isMakingOutput = true
        defer { isMakingOutput = false }
        let start = bytes.count
        takeReady(into: &bytes)
        while bytes.count - start < atMost, !state.contains(.hasEnded), let stream = queueing({ $0.popFirst() }) {
            stream.isQueued = false
            guard !stream.isOver else { continue }
            sendTurn(of: stream, to: &bytes)
            // Trailers, or a reset.
            if !output.isEmpty { takeReady(into: &bytes) }
        }
    }

    /// Moves what is written already. The session keeps no memory for it while it has no streams.
    private func takeReady(into bytes: inout [UInt8]) {
        turn += 1
        answerByteCount = 0
        writing { output in
            bytes.append(contentsOf: output)
            if streamCount == 0 || output.capacity > 2 * Self.directMost {
                output = []
            } else {
                output.removeAll(keepingCapacity: true)
            }
        }
    }

    /// Sends one frame of a stream's body, or its end.
    private func sendTurn(of stream: HTTP2Stream, to bytes: inout [UInt8]) {
        let pending = stream.pendingByteCount
        let count = min(pending, FrameHeader.payloadMost, max(0, stream.sendWindow), max(0, sendWindow))
        if pending > 0, count == 0 {
            guard stream.sendWindow > 0 else { return }
            stream.isQueued = true
            stalled.append(stream)
            return
        }
        if count > 0 {
            let isLast = count == pending && stream.isEnded && stream.trailers.isEmpty
            appendFrameOfData(stream, count, isLast: isLast, to: &bytes)
            stream.take(count, to: &bytes)
            if stream.wantsRoomNews, stream.pendingByteCount <= Self.lowWater {
                stream.wantsRoomNews = false
                news.append(.takesAgain(stream.id))
            }
            // What comes later cannot be written into what is given away.
            stream.lastFrameTurn = 0
            if isLast { return sentEnd(stream) }
        }
        if stream.pendingByteCount == 0, stream.isEnded { return writeEnd(stream) }
        enqueueIfUseful(stream)
    }

    /// Tells the user what came up while output was made: to be called after ``takeOutput(into:atMost:)``. Apart from it, so
    /// that no call comes back while the owner's bytes are being appended to.
    package func tellNews() {
        if news.isEmpty { return }
        let outer = user
        user = owner
        defer { user = outer }
        while !news.isEmpty {
            let all = news
            news.removeAll(keepingCapacity: true)
            for item in all {
                switch item {
                case .takesAgain(let id): if stream(id) != nil { user?.takesAgain(id) }
                case .reset(let id, let reset): user?.reset(id, reset)
                }
            }
        }
    }
}
