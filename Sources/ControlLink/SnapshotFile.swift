// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
package import ControlAPI
internal import Identity
internal import LinuxSystem
package import MeshModel

/// What a proxy had of its control plane when it ended, in its state directory: used when it starts again and the control
/// plane is away. Beside it lies the last revision, so that an older snapshot is not taken for the last one.
package struct SnapshotFile {
    private static let byteMax = 64 << 20

    private let directory: String

    package init(in stateDirectory: String) { directory = stateDirectory }

    package var path: String { "\(directory)/snapshot.json" }
    private var revisionPath: String { "\(directory)/revision" }

    /// A snapshot as it lies there.
    private struct Stored: ControlMessage {
        var update: Update
        var wants: Wants

        init(_ update: Update, _ wants: Wants) {
            self.update = update
            self.wants = wants
        }

        func write(into writer: inout JSONWriter) {
            writer.object { writer in
                writer.field("format", 1)
                writer.key("update")
                WatchMessage.update(update).write(into: &writer)
                writer.key("wants")
                wants.write(into: &writer)
            }
        }

        init(_ reader: MessageReader) throws(Problem) {
            guard case .update(let update) = try WatchMessage(try reader.object("update")) else {
                throw Problem(.snapshotIgnored, "it holds no update")
            }
            self.update = update
            wants = try Wants(try reader.object("wants"))
        }
    }

    /// Nothing is written without a checkpoint, which nobody would believe later.
    package func store(_ mesh: ControlledMesh, _ wants: Wants) throws(Problem) {
        guard mesh.checkpoint != nil else { return }
        try Files.replace(path, with: Stored(mesh.wholeUpdate, wants).encode())
        // After it: a crash in between leaves a number that is too small, and the snapshot good.
        try Files.replace(revisionPath, with: Array("\(mesh.revision)\n".utf8))
    }

    /// Nil: there is none. Throws a reason why what is there is not used.
    package func load(_ judge: CheckpointJudge, now: WallTime) throws(Problem) -> (ControlledMesh, Wants)? {
        guard Files.exists(path) else { return nil }
        do throws(Problem) {
            let stored = try Stored.decode(try read(path))
            guard let checkpoint = stored.update.checkpoint else { throw Problem(.snapshotIgnored, "it is not signed") }
            _ = try judge.judge(checkpoint, now: now)
            let mesh = try ControlledMesh().applying(stored.update)
            if let last = lastRevision, mesh.revision < last {
                throw Problem(.snapshotIgnored, "it is of revision \(mesh.revision), but \(last) was in force")
            }
            return (mesh, stored.wants)
        } catch {
            let reason = [error.place, error.message].compactMap(\.self).joined(separator: " ")
            throw Problem(.snapshotIgnored, at: path, reason)
        }
    }

    private var lastRevision: UInt64? {
        guard let bytes = try? read(revisionPath) else { return nil }
        return Decimal.parse(bytes.prefix { $0 != UInt8(ascii: "\n") }, atMost: UInt64(Int64.max))
    }

    private func read(_ path: String) throws(Problem) -> [UInt8] {
        do throws(SystemError) {
            return try Files.read(path, limit: Self.byteMax).bytes
        } catch {
            throw Problem(.snapshotIgnored, "it cannot be read: \(error.errno)")
        }
    }
}
