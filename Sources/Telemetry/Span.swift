// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// What W3C Trace Context says of a request beside its trace.
package struct SpanIdentity: Hashable, Sendable {
    package let id: UInt64
    /// The span of whoever sent the request; nil where the trace begins with it.
    package let parent: UInt64?
    /// As in ``TraceContext/flags``.
    package let flags: UInt8

    package init(id: UInt64, parent: UInt64?, flags: UInt8) {
        self.id = id
        self.parent = parent
        self.flags = flags
    }

    /// A bit, not a value: the others are for what may come (Trace Context section 3.2.2.5).
    package var isSampled: Bool { flags & TraceContext.sampledFlag != 0 }
}

/// A sampled request that is over, as the record of it that is kept.
package struct Span: Sendable {
    package let trace: TraceID
    package let identity: SpanIdentity
    package let startedAt: WallTime
    package let record: RequestRecord

    /// Texts that a client chose are cut at so many bytes: the spans are many, and each is kept for long.
    private static let pathMax = 1_024
    private static let wordMax = 256

    /// Nil for a request that is not sampled.
    package init?(_ record: RequestRecord, endedAt: WallTime) {
        guard let trace = record.trace, let identity = record.span, identity.isSampled else { return nil }
        self.trace = trace
        self.identity = identity
        startedAt = endedAt + .nanoseconds(-record.duration.wholeNanoseconds)
        var record = record
        record.method = Self.cut(record.method, Self.wordMax)
        record.authority = Self.cut(record.authority, Self.wordMax)
        record.path = Self.cut(record.path, Self.pathMax)
        record.detail = Self.cut(record.detail, Self.wordMax)
        record.authorization = record.authorization.map { Self.cut($0, Self.wordMax) }
        record.audit = nil
        self.record = record
    }

    private static func cut(_ text: String, _ length: Int) -> String {
        guard text.utf8.count > length else { return text }
        // Half a character at the cut becomes U+FFFD. Made anew, so that the long one is not held.
        return String(decoding: text.utf8.prefix(length), as: UTF8.self)
    }
}

/// The spans that were recorded last, for whoever comes to read them. When it is full the oldest gives way.
package struct SpanBuffer: Sendable {
    package private(set) var capacity: Int
    /// All that ever came.
    package private(set) var recorded: UInt64 = 0
    /// Those of them that gave way.
    package private(set) var dropped: UInt64 = 0
    private var kept: [Span] = []
    /// Where the oldest is, once the buffer is full.
    private var oldest = 0

    package init(capacity: Int) { self.capacity = max(0, capacity) }

    package var count: Int { kept.count }

    package mutating func append(_ span: Span) {
        recorded += 1
        if kept.count < capacity { return kept.append(span) }
        dropped += 1
        guard capacity > 0 else { return }
        kept[oldest] = span
        oldest = (oldest + 1) % capacity
    }

    /// The oldest first.
    package var spans: [Span] { Array(kept[oldest...] + kept[..<oldest]) }

    /// Changes how many are kept; the newest stay.
    package mutating func resize(_ capacity: Int) {
        let capacity = max(0, capacity)
        guard capacity != self.capacity else { return }
        let all = spans
        dropped += UInt64(max(0, all.count - capacity))
        kept = Array(all.suffix(capacity))
        oldest = 0
        self.capacity = capacity
    }
}
