// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Why a stream or a connection ended (RFC 9113 section 7); others than these may come.
package struct HTTP2ErrorCode: RawRepresentable, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let noError = HTTP2ErrorCode(rawValue: 0)
    package static let protocolError = HTTP2ErrorCode(rawValue: 1)
    package static let internalError = HTTP2ErrorCode(rawValue: 2)
    package static let flowControlError = HTTP2ErrorCode(rawValue: 3)
    package static let settingsTimeout = HTTP2ErrorCode(rawValue: 4)
    package static let streamClosed = HTTP2ErrorCode(rawValue: 5)
    package static let frameSizeError = HTTP2ErrorCode(rawValue: 6)
    package static let refusedStream = HTTP2ErrorCode(rawValue: 7)
    package static let cancel = HTTP2ErrorCode(rawValue: 8)
    package static let compressionError = HTTP2ErrorCode(rawValue: 9)
    package static let connectError = HTTP2ErrorCode(rawValue: 10)
    package static let enhanceYourCalm = HTTP2ErrorCode(rawValue: 11)
    package static let inadequateSecurity = HTTP2ErrorCode(rawValue: 12)
    package static let http11Required = HTTP2ErrorCode(rawValue: 13)

    private static let names = [
        "NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
        "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
        "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
    ]

    /// As the RFC writes it, or the number.
    package var name: String {
        Int(exactly: rawValue).flatMap { Self.names.indices.contains($0) ? Self.names[$0] : nil } ?? "\(rawValue)"
    }
}

/// How a stream ended early.
package struct HTTP2Reset: Equatable, Sendable {
    package let code: HTTP2ErrorCode
    /// One sentence, without anything that the peer has sent.
    package let detail: String
    /// The peer has not acted on the request: it said so (REFUSED_STREAM, or a GOAWAY below this stream), or the request
    /// never left us. It may be sent again on another connection, whatever its method.
    package let isUntouched: Bool
    /// We refused the stream; else the peer ended it.
    package let isOurs: Bool
    /// What the peer was answered where a request was refused with a response instead of RST_STREAM.
    package let status: Int?

    package init(code: HTTP2ErrorCode, detail: String, isUntouched: Bool, isOurs: Bool, status: Int? = nil) {
        self.code = code
        self.detail = detail
        self.isUntouched = isUntouched
        self.isOurs = isOurs
        self.status = status
    }
}

/// What a peer may not do too often, or have too much of. The raw values name them in metrics.
package enum HTTP2Limit: String, Hashable, CaseIterable, Sendable {
    /// Requests cancelled soon after they were sent.
    case cancelledRequests = "cancelled_requests"
    /// Streams that we had to reset.
    case brokenStreams = "broken_streams"
    /// Streams beyond our limit, opened before it was known.
    case refusedStreams = "refused_streams"
    case pings
    case settings
    case emptyData = "empty_data"
    /// PRIORITY and unknown ones.
    case otherFrames = "other_frames"
    /// Heads on streams that have had theirs.
    case lateHeads = "late_heads"
    case windowUpdates = "window_updates"
    /// Pieces of one head.
    case continuations
    /// A head many times as large as what is taken.
    case headBytes = "head_bytes"
    /// Answers to frames that the peer does not read.
    case queuedOutput = "queued_output"
}

/// Why a connection is over: the peer broke a rule of the protocol, or passed a limit.
package struct HTTP2Failure: Error, Equatable, Sendable {
    package let code: HTTP2ErrorCode
    /// One sentence, without anything that the peer has sent.
    package let sentence: String
    package let limit: HTTP2Limit?

    init(_ code: HTTP2ErrorCode, _ sentence: String, limit: HTTP2Limit? = nil) {
        self.code = code
        self.sentence = sentence
        self.limit = limit
    }
}
