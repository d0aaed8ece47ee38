// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel

/// One stream as its session sees it.
final class HTTP2Stream {
    enum Receiving {
        /// The head, or after an interim one the next, is still to come.
        case head
        case body
        case ended
        /// Refused, or of no use any more: what still comes is dropped.
        case discarding
    }

    let id: Int32
    /// When a client's request came.
    let began: Instant
    /// What an answer on it answers.
    let question: DecodedHead.Question
    var receiving = Receiving.head
    /// Of a body whose length is known.
    var bodyLeft: UInt64?
    /// Told to the user, and not yet taken by it.
    var unconsumed = 0
    /// What the peer may still send.
    var receiveWindow: Int
    /// What it may send before any of it is taken.
    var window: Int
    /// When it was last given room.
    var roomGivenAt = Instant(nanoseconds: 0)
    /// Taken by the user, and not yet given back to the peer's window.
    var unreturned = 0

    /// What we may still send; below zero where the peer has made its windows smaller.
    var sendWindow: Int
    /// What waits for the peer's windows.
    private var outgoing: [UInt8] = []
    private var outgoingStart = 0
    /// The final head has been sent.
    var hasHead = false
    /// All that will be sent is here.
    var isEnded = false
    /// END_STREAM has left.
    var hasSentEnd = false
    var trailers = HTTPFields()
    /// It stands among those that have something to send.
    var isQueued = false
    var wantsRoomNews = false
    /// Once our end has left, the peer is told to stop.
    var stopsPeerAfterEnd = false
    /// The session has let go of it.
    var isOver = false
    /// Where in the output its last frame begins, as long as that is still the output of this turn: a frame may learn
    /// afterwards that it is the last one.
    var lastFrame = 0
    var lastFrameTurn: UInt64 = 0

    /// `window` is what the peer has been told, or will be; `receiveWindow` what it may assume until then.
    init(
        _ id: Int32, began: Instant, question: DecodedHead.Question, window: Int, receiveWindow: Int, sendWindow: Int
    ) {
        self.id = id
        self.began = began
        self.question = question
        self.receiveWindow = receiveWindow
        self.window = window
        self.sendWindow = sendWindow
    }

    var pendingByteCount: Int { outgoing.count - outgoingStart }

    func append(_ bytes: UnsafeRawBufferPointer) {
        // Outside of its place, like the session's output: ``HTTP2Session/writing(_:)``.
        var waiting: [UInt8] = []
        swap(&waiting, &outgoing)
        if outgoingStart == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            outgoingStart = 0
        } else if outgoingStart > 65_536 {
            waiting.removeSubrange(..<outgoingStart)
            outgoingStart = 0
        }
        unsafe waiting.append(contentsOf: bytes)
        outgoing = waiting
    }

    /// Moves the next bytes, of which there are enough, to `output`.
    func take(_ count: Int, to output: inout [UInt8]) {
        unsafe outgoing.withUnsafeBytes { bytes in
            unsafe output.append(
                contentsOf: UnsafeRawBufferPointer(rebasing: bytes[outgoingStart..<outgoingStart + count]))
        }
        outgoingStart += count
    }
}
