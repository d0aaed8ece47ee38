// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ConnectionStates
internal import LinuxSystem
internal import MeshModel
internal import PeerProtocol
internal import Reactor
internal import TLSSession

/// From ciphertext to what a stream gets, and back.
extension PeerConnection {
    /// Works on ciphertext that has come: the handshake as far as it goes, then records, then frames.
    func take(_ ciphertext: UnsafeRawBufferPointer) {
        perform {
            unsafe staging.give(ciphertext)
            if phase == .handshaking { advanceHandshake() }
            decrypt()
            deliver()
            // What the session did not use can only be the rest after a failure.
            unsafe staging.give(UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    private func decrypt() {
        var offset = 0
        while phase == .established {
            // A record holds at most 16 KiB; where that might not fit, what is there goes out first.
            if buffers.hasLessThanARecord(behind: offset) {
                deliver()
                offset = 0
            }
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffers.plaintext[offset...])
            switch unsafe tls.read(into: room) {
            case .needsInput: return
            case .bytes(let count):
                unsafe frames(UnsafeRawBufferPointer(rebasing: room[..<count]))
                if tls.hasReadEverything { return }
                offset = slices.isEmpty ? 0 : offset + count
            case .ended: return closeNotified()
            case .failed(let failure):
                deliver()
                flush()
                let (outcome, detail) = Self.outcome(of: failure)
                // A server that rejects our certificate says so after our side of the handshake is done: inside TLS, and
                // before it looked at anything that we sent behind it.
                if session.isConfirmed { return fail(.protocolViolation, detail, .ambiguous) }
                return fail(outcome, detail, .rejectedByPeer)
            }
        }
    }

    /// Cuts one record's plaintext into frames.
    private func frames(_ chunk: UnsafeRawBufferPointer) {
        var offset = 0
        do throws(ProtocolViolation) {
            while offset < chunk.count, phase == .established {
                if session.isReceivingRaw {
                    unsafe try data(UnsafeRawBufferPointer(rebasing: chunk[offset...]))
                    return
                }
                guard let event = unsafe try nextFrame(chunk.bytes, &offset) else { return }
                switch event {
                case .data(let range): unsafe try data(UnsafeRawBufferPointer(rebasing: chunk[range]))
                case .control(let frame):
                    deliver()
                    try control(frame)
                    if frame == .raw, offset < chunk.count { throw .bytesAfterRaw }
                }
            }
        } catch {
            violated(error)
        }
    }

    private func nextFrame(_ chunk: RawSpan, _ offset: inout Int) throws(ProtocolViolation) -> FrameEvent? {
        // Not lent (ARCHITECTURE.md, "Properties are not lent").
        var taken = FrameReader()
        swap(&taken, &reader)
        defer { swap(&taken, &reader) }
        return try taken.next(chunk, &offset)
    }

    private func data(_ bytes: UnsafeRawBufferPointer) throws(ProtocolViolation) {
        guard try session.receiveData(bytes.count), let stream else { return }
        unsafe stream.willReceive(bytes)
        if slices.isFull { deliver() }
        unsafe slices.add(bytes)
    }

    /// Gives the stream what has been gathered.
    func deliver() {
        guard !slices.isEmpty else { return }
        stream?.receive()
        slices.clear()
    }

    private func control(_ frame: ControlFrame) throws(ProtocolViolation) {
        switch try session.receive(frame) {
        case .nothing: break
        case .confirmed(let hello):
            handshakeCounts()
            becomesConfirmed(hello)
        case .open(let open):
            becomeBusy()
            thread.beginStream(self, open)
        case .opened: stream?.peerOpened()
        case .ended: stream?.peerEnded()
        case .aborted(let reset, let answer):
            if answer { self.answer(reset) }
            let relay = stream
            stream = nil
            relay?.peerAborted(reset)
        case .raw: break
        case .goAway(let isRejected):
            guard isRejected else { break }
            fail(.peerCut, "the peer leaves and did not accept the stream", .rejectedByPeer)
        }
    }

    /// HELLO has come: the handshake's deadline is over.
    private func becomesConfirmed(_ hello: HelloFrame) {
        idleLimit = hello.diallerIdle
        greeting = hello
        if let key { thread.requests.learn(hello, of: key) }
        loop.setDeadline(loop.now + Relay.reviewInterval, of: self)
        stream?.peerIsConfirmed()
    }

    /// Every RESET is answered by our own end of the stream.
    private func answer(_ reset: ResetFrame) {
        let isRefusal = reset.reason != .aborted && !reset.hasTouchedApplication
        if session.isSendingRaw {
            tls.end()
            session.sendEnd()
        } else if isRefusal {
            write(.fin(stream: reset.stream))
            session.sendEnd()
        } else {
            write(.reset(ResetFrame(stream: reset.stream, reason: .aborted)))
            session.sendReset(isRefusal: false)
        }
    }

    private func closeNotified() {
        deliver()
        let hadOpened = session.isOpened
        let wasRaw = session.isReceivingRaw
        guard session.receiveCloseNotify() else {
            return fail(
                .peerCut, "close_notify in the middle of a stream", hadOpened ? .ambiguous : .rejectedByPeer)
        }
        if wasRaw {
            stream?.peerEnded()
        } else {
            close()
        }
    }

    private func violated(_ violation: ProtocolViolation) {
        fail(.protocolViolation, violation.sentence, .ambiguous)
    }

    // MARK: Writing

    /// Encrypts a control frame; a record of its own.
    func write(_ frame: ControlFrame) {
        let bytes = FrameWriter.bytes(of: frame)
        unsafe bytes.withUnsafeBytes { all in unsafe writeRecord(all) }
    }

    /// Encrypts bytes that fit into one record.
    func writeRecord(_ bytes: UnsafeRawBufferPointer) {
        if !staging.hasRoomForRecord { flush() }
        if let failure = unsafe tls.write(bytes) {
            let (_, detail) = Self.outcome(of: failure)
            fail(.peerCut, "cannot encrypt: \(detail)", .ambiguous)
        }
    }

    /// Sends payload of the stream in as few records as it fits into, behind a control frame and, with `ends`, before FIN: a
    /// request, or an answer, that is small travels in one record with all that belongs to it.
    func send(_ payload: ArraySlice<UInt8>, behind frame: ControlFrame? = nil, ends: Bool) {
        guard let number = session.currentStream else { return }
        var record = buffers.array()
        record.reserveCapacity(
            min(
                payload.count + FrameWriter.controlFrameMax + WeftOne.headerLength + FrameWriter.finLength,
                TLSStaging.plaintextMax))
        if let frame { FrameWriter.append(frame, to: &record) }
        var rest = payload
        while !rest.isEmpty, phase == .established {
            let count = min(rest.count, TLSStaging.plaintextMax - WeftOne.headerLength - record.count)
            FrameWriter.appendData(rest.prefix(count), to: &record)
            rest = rest.dropFirst(count)
            if !rest.isEmpty { writeRecord(&record) }
        }
        if ends {
            if record.count + FrameWriter.finLength > TLSStaging.plaintextMax { writeRecord(&record) }
            FrameWriter.append(.fin(stream: number), to: &record)
        }
        if !record.isEmpty, phase == .established { writeRecord(&record) }
        buffers.giveBack(consume record)
        if ends, phase == .established { session.sendEnd() }
    }

    private func writeRecord(_ record: inout [UInt8]) {
        unsafe record.withUnsafeBytes { bytes in unsafe writeRecord(bytes) }
        record.removeAll(keepingCapacity: true)
    }

    /// Begins the next stream with a frame that says what is known of it.
    func open(_ describe: (inout OpenFrame) -> Void) {
        var open = OpenFrame(stream: session.open())
        describe(&open)
        becomeBusy()
        write(.open(open))
    }

    /// The acceptor has reached the application.
    func acceptStream() {
        guard let number = session.currentStream else { return }
        session.acceptStream()
        write(.opened(stream: number))
    }

    /// Ends our direction of the stream cleanly.
    func endSending() {
        guard let number = session.currentStream, !session.hasEndedSending else { return }
        if session.isSendingRaw {
            tls.end()
        } else {
            write(.fin(stream: number))
        }
        session.sendEnd()
    }

    /// Goes RAW: the last frame of our direction, in a record of its own.
    func goRaw() {
        write(.raw)
        session.sendRaw()
    }

    /// Aborts the stream; the relay has left, or is about to.
    func abortStream(_ reset: ResetFrame, isRefusal: Bool) {
        stream = nil
        guard phase == .established, let number = session.currentStream else { return close() }
        if session.isSendingRaw || session.isReceivingRaw || session.hasEndedSending {
            // Without frames there is no RESET. OpenSSL has no call to send a fatal alert, and none is needed: a RAW
            // direction that does not end in close_notify, and a framed one that does not end in FIN, has been cut.
            return cutAfterDelivery()
        }
        perform {
            var reset = reset
            reset.stream = number
            write(.reset(reset))
            session.sendReset(isRefusal: isRefusal)
            // The peer answers at once; until then what it had sent already is dropped.
            if !session.isIdle { loop.setDeadline(loop.now + WeftOne.discardTime, of: self) }
        }
    }

    /// Resets the TCP connection once what was sent before has arrived.
    private func cutAfterDelivery() {
        if thread.activePeer === self { flush() }
        guard let taken = socket.take() else { return close() }
        taken.setResetOnClose(true)
        let end = PlainEnd(taken, pending: output)
        LingeringReset.begin(thread, end, now: loop.now)
        close()
    }
}
