// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import ControlAPI
import MeshModel
import ResourceDocuments

/// Waits until every proxy that a revision concerns has answered.
struct RevisionWait {
    let revision: UInt64
    let limit: Duration

    struct Outcome {
        let revision: UInt64
        let progress: RevisionProgress
        let milliseconds: Int64

        /// 0, or 4 where a proxy has refused, or 3 where one has not answered.
        var exitCode: Int32 { !progress.rejected.isEmpty ? 4 : progress.late.isEmpty ? 0 : 3 }

        var sentence: String {
            guard progress.concerned > 0 else {
                return "no connected proxy is concerned by revision \(revision)"
            }
            let time = "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s"
            return
                "acknowledged by \(progress.acknowledged)/\(progress.concerned) proxies at revision \(revision), \(time)"
        }

        var warnings: [Problem] {
            var all: [Problem] = []
            for rejection in progress.rejected {
                for reason in rejection.reasons {
                    all.append(
                        Problem(
                            .proxiesRejected, at: rejection.proxy,
                            "\(reason.resource) \(reason.path): \(reason.code) \(reason.message)",
                            remedy: "mend it, or `weft rollback`"))
                }
            }
            if !progress.late.isEmpty {
                let more = progress.late.count > 10 ? " and \(progress.late.count - 10) more" : ""
                all.append(
                    Problem(
                        .proxiesLate,
                        "not yet acknowledged by \(progress.late.prefix(10).joined(separator: ", "))\(more)",
                        remedy: "see `weft proxy status`"))
            }
            return all
        }
    }

    func run(_ client: ControlClient) async throws(Problems) -> Outcome {
        var patience = Patience()
        defer { patience.end() }
        var pause: Duration = .milliseconds(20)
        while true {
            let progress = try await progress(client)
            let elapsed = patience.elapsed
            if progress.isSettled || elapsed >= limit {
                let time = elapsed.components
                return Outcome(
                    revision: revision, progress: progress,
                    milliseconds: time.seconds * 1000 + time.attoseconds / 1_000_000_000_000_000)
            }
            patience.say(
                "revision \(revision): \(progress.acknowledged)/\(progress.concerned) proxies have acknowledged")
            try? await Task.sleep(for: min(pause, limit - elapsed))
            pause = min(pause * 2, .milliseconds(500))
        }
    }

    private func progress(_ client: ControlClient) async throws(Problems) -> RevisionProgress {
        let answer = try await client.get("/v1/revisions/\(revision)/progress")
        do throws(Problem) {
            return try RevisionProgress.decode(Array(answer.jsonText.utf8))
        } catch {
            throw Problems(error)
        }
    }
}

/// Whether a command that writes waits for the proxies.
struct WaitOptions: ParsableArguments {
    @Flag(help: "Wait until every proxy concerned has acknowledged: exit 3 if some are late, 4 if some refuse.")
    var wait = false

    @Option(
        help: ArgumentHelp("How long to wait (default: 30s).", valueName: "time"), transform: Values.lifetime)
    var timeout: Duration?

    func validate() throws {
        if timeout != nil, !wait { throw ValidationError("--timeout goes with --wait.") }
    }

    /// Nil where nothing is to be waited for. It is waited for a revision that is not new, too: its proxies may still be at it.
    func run(_ written: WrittenResult, _ client: ControlClient) async throws(Problems) -> RevisionWait.Outcome? {
        guard wait, written.revision > 0 else { return nil }
        return try await RevisionWait(revision: written.revision, limit: timeout ?? .seconds(30)).run(client)
    }
}
