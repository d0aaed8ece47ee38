// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec

/// What a response of HTTP/1 says that HTTP/2 has no word for, as fields between two sidecars.
enum CarriedHTTP1 {
    private static let reason = "x-weft-reason"
    private static let upgrade = "x-weft-upgrade"

    /// At the server's sidecar: nearly always there is nothing to keep.
    static func keep(_ head: inout HTTPResponse) {
        if let reason = head.ownReason { head.fields.add(Self.reason, reason) }
        if let upgrade = head.upgrade { head.fields.add(Self.upgrade, upgrade) }
    }

    /// At the client's.
    static func restore(_ head: inout HTTPResponse) {
        if let reason = head.fields.first(Self.reason) {
            head.reason = reason
            head.fields.remove(Self.reason)
        }
        if let upgrade = head.fields.first(Self.upgrade) {
            head.upgrade = upgrade
            head.fields.remove(Self.upgrade)
        }
    }
}
