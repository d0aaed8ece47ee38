// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import Bytes
package import ControlAPI
package import MeshModel

/// What a replica tells the others of the proxies that watch at it.
package struct ReplicaReport: ControlMessage {
    package struct Step: Hashable, Sendable {
        package let revision: UInt64
        package let progress: RevisionProgress
    }

    /// Of the newest revisions, the oldest first.
    package var progress: [Step] = []
    /// Of the roots that everybody here is told.
    package var trust = ""
    /// Workloads that have not acknowledged these.
    package var behindTrust: [String] = []
    /// Processes that have not acknowledged what they were told.
    package var behind: [String] = []

    package init() {}

    /// Chosen by us, so that it fits into one value of a store however many proxies there are.
    static let revisions = 4
    static let names = 1000

    /// Nil where the replica has not come so far. Of one that is older than all that are told, what holds for the oldest.
    func progress(of revision: UInt64) -> RevisionProgress? {
        guard let newest = progress.last, newest.revision >= revision else { return nil }
        return progress.first { $0.revision >= revision }?.progress
    }

    package func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.key("progress")
            writer.array(progress) { writer, item in
                writer.object { writer in
                    writer.field("revision", item.revision)
                    writer.key("of")
                    item.progress.write(into: &writer)
                }
            }
            writer.field("trust", trust)
            writer.key("behindTrust")
            writer.array(behindTrust) { $0.string($1) }
            writer.key("behind")
            writer.array(behind) { $0.string($1) }
        }
    }

    package init(_ reader: MessageReader) throws(Problem) {
        progress = try reader.objects("progress", atMost: Self.revisions) { reader throws(Problem) in
            Step(
                revision: try reader.number("revision"), progress: try RevisionProgress(try reader.object("of")))
        }
        trust = try reader.text("trust")
        behindTrust = try reader.list("behindTrust", "a workload", atMost: Self.names) { $0 }
        behind = try reader.list("behind", "a process", atMost: Self.names) { $0 }
    }
}

extension RevisionProgress {
    /// With at most so many names; the numbers stay.
    func shortened(to names: Int) -> RevisionProgress {
        var short = self
        short.late = Array(late.sorted().prefix(names))
        short.rejected = rejected.sorted { $0.proxy < $1.proxy }.prefix(50).map(\.self)
        return short
    }
}
