// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import MeshModel

/// How far a revision has come among the proxies that it changes something for.
package struct RevisionProgress: ControlMessage {
    package struct Rejection: Hashable, Sendable {
        package var proxy: String
        package var reasons: [Acknowledgement.Rejection]

        package init(proxy: String, reasons: [Acknowledgement.Rejection]) {
            self.proxy = proxy
            self.reasons = reasons
        }
    }

    /// The proxies for which it changes something.
    package var concerned = 0
    package var acknowledged = 0
    /// Those who have not answered, by name.
    package var late: [String] = []
    package var rejected: [Rejection] = []

    package init() {}

    /// Nothing is outstanding, whether all of it is good or not.
    package var isSettled: Bool { late.isEmpty }

    package static func + (left: RevisionProgress, right: RevisionProgress) -> RevisionProgress {
        var sum = left
        sum.concerned += right.concerned
        sum.acknowledged += right.acknowledged
        sum.late += right.late
        sum.rejected += right.rejected
        return sum
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("concerned", concerned)
            writer.field("acknowledged", acknowledged)
            writer.key("late")
            writer.array(late.sorted()) { $0.string($1) }
            writer.key("rejected")
            writer.array(rejected.sorted { $0.proxy < $1.proxy }) { writer, rejection in
                writer.object { writer in
                    writer.field("proxy", rejection.proxy)
                    writer.key("reasons")
                    writer.array(rejection.reasons) { $1.write(into: &$0) }
                }
            }
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        concerned = Int(clamping: try reader.number("concerned"))
        acknowledged = Int(clamping: try reader.number("acknowledged"))
        late = try reader.list("late", "a proxy", atMost: ControlProtocol.resourceCount) { $0 }
        rejected = try reader.objects("rejected", atMost: ControlProtocol.resourceCount) { reader throws(Problem) in
            Rejection(
                proxy: try reader.text("proxy"),
                reasons: try reader.objects("reasons", atMost: ControlProtocol.rejections) { reader throws(Problem) in
                    try Acknowledgement.Rejection(reader)
                })
        }
    }
}
