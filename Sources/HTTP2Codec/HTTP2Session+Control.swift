// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import HTTPCodec
internal import MeshModel

/// Frames about the connection, and about streams as such; theirs and ours.
extension HTTP2Session {
    // MARK: From the peer

    func takeReset(_ header: FrameHeader, _ payload: RawSpan) throws(HTTP2Failure) {
        guard payload.byteCount == 4 else { throw .wrongSize("RST_STREAM") }
        guard header.stream != 0 else { throw HTTP2Failure(.protocolError, "RST_STREAM came on stream 0") }
        guard header.stream <= lastStream, header.stream % 2 == 1 else {
            throw HTTP2Failure(.protocolError, "RST_STREAM came on a stream that is idle")
        }
        let stream = stream(header.stream)
        // A request that was cancelled after a while has had its use of us; one cancelled at once costs the peer nothing.
        let isQuick = stream.map { now - $0.began < .seconds(1) } ?? true
        if isQuick, role == .server || stream == nil, let failure = floods.count(.cancelledRequests) { throw failure }
        if let stream { wasEnded(stream, HTTP2ErrorCode(rawValue: payload.number(at: 0))) }
    }

    func takeSettings(_ header: FrameHeader, _ payload: RawSpan) throws(HTTP2Failure) {
        guard header.stream == 0 else {
            throw HTTP2Failure(.protocolError, "SETTINGS came on a stream of its own")
        }
        if header.isAcknowledgement {
            guard payload.byteCount == 0 else { throw .wrongSize("SETTINGS") }
            state.insert(.hasSettingsAcknowledged)
            return
        }
        guard payload.byteCount % 6 == 0 else { throw .wrongSize("SETTINGS") }
        // Who says nothing of a limit has none.
        if !hasSeenSettings { peerStreamsMost = .max }
        state.insert(.hasSeenSettings)
        for start in stride(from: 0, to: payload.byteCount, by: 6) {
            let kind = UInt16(truncatingIfNeeded: payload.number(at: start) >> 16)
            try set(kind, payload.number(at: start + 2))
        }
        writing { $0.appendFrame(FrameKind.settings, FrameFlag.ack, 0, length: 0) }
        answered(FrameHeader.byteCount)
    }

    private func set(_ kind: UInt16, _ value: UInt32) throws(HTTP2Failure) {
        switch kind {
        case SettingKind.headerTableSize: encoder.setLimit(Int(value))
        case SettingKind.enablePush:
            guard value == 0 || value == 1 && role == .server else { throw .setting("ENABLE_PUSH") }
        case SettingKind.concurrentStreams: peerStreamsMost = Int(value)
        case SettingKind.initialWindowSize:
            guard value <= FlowWindow.most else {
                throw HTTP2Failure(.flowControlError, "SETTINGS make a window larger than 2^31-1")
            }
            try moveWindows(to: Int(value))
        case SettingKind.frameSize:
            guard (16_384...16_777_215).contains(value) else { throw .setting("MAX_FRAME_SIZE") }
        case SettingKind.enableConnectProtocol, SettingKind.noRFC7540Priorities:
            guard value <= 1 else {
                throw .setting(
                    kind == SettingKind.enableConnectProtocol ? "ENABLE_CONNECT_PROTOCOL" : "NO_RFC7540_PRIORITIES")
            }
        default: break
        }
    }

    /// RFC 9113 section 6.9.2.
    private func moveWindows(to value: Int) throws(HTTP2Failure) {
        let difference = value - peerStreamWindow
        peerStreamWindow = value
        for stream in allStreams {
            stream.sendWindow += difference
            guard stream.sendWindow <= FlowWindow.most else {
                throw HTTP2Failure(.flowControlError, "SETTINGS make the window of a stream larger than 2^31-1")
            }
            if difference > 0 { enqueueIfUseful(stream) }
        }
    }

    func takePing(_ header: FrameHeader, _ payload: RawSpan) throws(HTTP2Failure) {
        guard header.stream == 0 else { throw HTTP2Failure(.protocolError, "PING came on a stream") }
        guard payload.byteCount == 8 else { throw .wrongSize("PING") }
        if header.isAcknowledgement {
            if pingCount > 0 { pingCount -= 1 }
            return
        }
        let contents = payload.array
        writing { output in
            output.appendFrame(FrameKind.ping, FrameFlag.ack, 0, length: 8)
            output.append(contentsOf: contents)
        }
        answered(FrameHeader.byteCount + 8)
    }

    func takeGoAway(_ header: FrameHeader, _ payload: RawSpan) throws(HTTP2Failure) {
        guard header.stream == 0 else { throw HTTP2Failure(.protocolError, "GOAWAY came on a stream") }
        guard payload.byteCount >= 8 else { throw .wrongSize("GOAWAY") }
        let last = Int32(bitPattern: payload.number(at: 0) & 0x7fff_ffff)
        if !isPeerLeaving {
            state.insert(.isPeerLeaving)
            user?.goingAway()
        }
        guard role == .client else { return }
        for stream in allStreams where stream.id > last { wasEnded(stream, .refusedStream) }
    }

    func takeWindowUpdate(_ header: FrameHeader, _ payload: RawSpan) throws(HTTP2Failure) {
        guard payload.byteCount == 4 else { throw .wrongSize("WINDOW_UPDATE") }
        let more = Int(payload.number(at: 0) & 0x7fff_ffff)
        guard header.stream != 0 else {
            guard more > 0 else { throw HTTP2Failure(.protocolError, "WINDOW_UPDATE adds nothing") }
            guard sendWindow + more <= FlowWindow.most else {
                throw HTTP2Failure(.flowControlError, "WINDOW_UPDATE makes the connection's window larger than 2^31-1")
            }
            sendWindow += more
            return unstall()
        }
        guard header.stream <= lastStream, header.stream % 2 == 1 else {
            throw HTTP2Failure(.protocolError, "WINDOW_UPDATE came on a stream that is idle")
        }
        guard let stream = stream(header.stream) else { return }
        guard more > 0 else { return breakOff(stream, .protocolError, "WINDOW_UPDATE adds nothing") }
        guard stream.sendWindow + more <= FlowWindow.most else {
            return breakOff(stream, .flowControlError, "WINDOW_UPDATE makes the window larger than 2^31-1")
        }
        stream.sendWindow += more
        enqueueIfUseful(stream)
    }

    // MARK: To the peer

    /// Counts what the peer makes us say. One that does not read cannot make us keep ever more of it.
    private func answered(_ byteCount: Int) {
        answerByteCount += byteCount
        guard answerByteCount > Self.answersMost else { return }
        fail(HTTP2Failure(.enhanceYourCalm, FloodGuard.sentence(.queuedOutput), limit: .queuedOutput))
    }

    /// Writes RST_STREAM, unless the connection has ended; one that the peer has made us write is counted.
    func appendReset(_ id: Int32, _ code: HTTP2ErrorCode, counts limit: HTTP2Limit?) {
        guard !state.contains(.hasEnded) else { return }
        writing { output in
            output.appendFrame(FrameKind.resetStream, 0, id, length: 4)
            output.append(number: code.rawValue)
        }
        guard let limit else { return }
        answered(FrameHeader.byteCount + 4)
        if let failure = floods.count(limit) { fail(failure) }
    }

    func appendGoAway(_ last: Int32, _ code: HTTP2ErrorCode) {
        writing { output in
            output.appendFrame(FrameKind.goAway, 0, 0, length: 8)
            output.append(number: UInt32(bitPattern: last))
            output.append(number: code.rawValue)
        }
    }

    func appendWindowUpdate(_ more: Int, on stream: Int32) {
        guard !state.contains(.hasEnded) else { return }
        writing { output in
            output.appendFrame(FrameKind.windowUpdate, 0, stream, length: 4)
            output.append(number: UInt32(clamping: more))
        }
    }

    // MARK: Credit

    /// What was received has been passed on: the peer may send so much more.
    package func consume(_ byteCount: Int, on stream: Int32) {
        guard let stream = self.stream(stream) else { return }
        let count = min(byteCount, stream.unconsumed)
        guard count > 0 else { return }
        stream.unconsumed -= count
        giveBack(count)
        // Its own window is of no use any more once it has ended.
        guard stream.receiving != .ended else { return }
        stream.unreturned += count
        // Half of what the peer knows to be its window: few frames, and it never has to wait for one.
        guard stream.unreturned * 2 >= stream.window else { return }
        let more = stream.unreturned + growth(of: stream)
        appendWindowUpdate(more, on: stream.id)
        stream.receiveWindow += more
        stream.unreturned = 0
    }

    /// What comes quickly, and is taken as quickly, may have a window twice as large: over a long way it would have to wait for
    /// room that is long there. A window so holds no more than came in a fifth of a second.
    private func growth(of stream: HTTP2Stream) -> Int {
        let isQuick = now - stream.roomGivenAt < Self.quickly
        stream.roomGivenAt = now
        let more = stream.window
        guard isQuick, 2 * more <= Self.grownWindowMost, grownByteCount + more <= settings.windowGrowthBytes else {
            return 0
        }
        stream.window += more
        grownByteCount += more
        return more
    }

    func consumeAll(_ stream: HTTP2Stream) { consume(stream.unconsumed, on: stream.id) }

    /// Gives room on the connection back.
    func giveBack(_ byteCount: Int) {
        unreturned += byteCount
        let half = max(settings.connectionWindowBytes, FlowWindow.initial) / 2
        guard unreturned >= min(half, HTTP2Settings.creditStep) else { return }
        appendWindowUpdate(unreturned, on: 0)
        receiveWindow += unreturned
        unreturned = 0
    }
}

extension HTTP2Failure {
    fileprivate static func setting(_ name: String) -> HTTP2Failure {
        HTTP2Failure(.protocolError, "SETTINGS hold a value that \(name) cannot have")
    }
}
