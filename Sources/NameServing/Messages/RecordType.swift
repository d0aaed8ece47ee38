// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The type of a record or of a question (RFC 1035 section 3.2.2 and its followers); those that decide something have a name.
package struct RecordType: Hashable, Sendable {
    package let number: UInt16

    package init(number: UInt16) { self.number = number }

    package static let ipv4Address = RecordType(number: 1)
    package static let startOfAuthority = RecordType(number: 6)
    package static let ipv6Address = RecordType(number: 28)
    /// EDNS (RFC 6891).
    package static let options = RecordType(number: 41)
    /// Two questions that are answered by a stream of messages, to which this server is no way.
    package static let incrementalTransfer = RecordType(number: 251)
    package static let transfer = RecordType(number: 252)
}

/// How an answer ends (RFC 1035 section 4.1.1, RFC 6891 section 9).
package enum ResponseCode: UInt16, Hashable, Sendable {
    case success = 0
    /// The question cannot be read.
    case malformed = 1
    /// Nobody could be asked.
    case serverFailure = 2
    case noSuchName = 3
    case notImplemented = 4
    case refused = 5
    /// A version of EDNS that nobody has defined yet; four of its bits stand in the OPT record.
    case badVersion = 16
}
