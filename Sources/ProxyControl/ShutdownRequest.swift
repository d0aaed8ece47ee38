// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel

/// Asks a proxy to end because its application has: for jobs, from beside it.
struct ShutdownRequest {
    /// Where the proxy may answer, in the order they are tried.
    let doors: [AdminClient.Door]
    /// How long to wait for its end; nil not to wait.
    let patience: Duration?

    func perform() throws(Problems) -> ProxyExitCode {
        for door in doors {
            // Looked at before: a proxy that a supervisor starts again is not the one that was asked to end.
            let socket = version(of: door)
            switch ask(door) {
            case .success(let answer) where answer.status == 202: return try waitForEnd(door, socket)
            case .success(let answer):
                throw Problems(Problem(.adminRequest, at: "\(door)", answer.line ?? "answers \(answer.status)"))
            case .failure(let problem): StandardStream.error.write("\(problem)\n")
            }
        }
        return .notReady
    }

    private func ask(_ door: AdminClient.Door) -> Result<AdminClient.Answer, Problem> {
        do throws(SystemError) {
            if let answer = try AdminClient.ask("POST", "/shutdown", at: door) { return .success(answer) }
            return .failure(Problem(.unreachableAdmin, at: "\(door)", "what answers is no proxy"))
        } catch {
            return .failure(Problem(.unreachableAdmin, at: "\(door)", "no proxy answers (\(error.errno))"))
        }
    }

    private func waitForEnd(_ door: AdminClient.Door, _ socket: FileFacts.Version?) throws(Problems) -> ProxyExitCode {
        guard let patience else { return .done }
        let deadline = Instant.now() + patience
        while version(of: door) == socket, isListening(door) {
            guard Instant.now() < deadline else {
                throw Problems(
                    Problem(
                        .drainIncomplete, at: "\(door)",
                        "the proxy has not ended within \(DurationText.text(patience)); it goes on draining"))
            }
            ThisProcess.pause(.milliseconds(50))
        }
        return .done
    }

    /// Which file the socket is; nil for TCP, and once it is gone.
    private func version(of door: AdminClient.Door) -> FileFacts.Version? {
        guard case .unix(let path) = door else { return nil }
        return try? Files.facts(path).version
    }

    private func isListening(_ door: AdminClient.Door) -> Bool {
        do throws(SystemError) {
            _ = try AdminClient.connect(to: door)
            return true
        } catch {
            return false
        }
    }
}
