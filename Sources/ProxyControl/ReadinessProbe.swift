// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel

/// Asks the proxy of this network namespace whether it is ready: a probe that needs no shell and no curl in the image.
enum ReadinessProbe {
    /// What one question brought.
    private enum Answer {
        case ready
        /// In the proxy's words.
        case notReady(String)
        /// Nobody answers.
        case silent(String)
    }

    static func ask(_ port: Port) throws(Problems) -> ProxyExitCode {
        switch question(port) {
        case .ready:
            StandardStream.output.write("ready\n")
            return .done
        case .notReady(let reason), .silent(let reason):
            StandardStream.error.write("\(Problem(.notReady, reason))\n")
            return .notReady
        }
    }

    /// Asks again and again, every tenth of a second, and says once what it waits for.
    static func wait(_ port: Port, timeout: Duration) throws(Problems) -> ProxyExitCode {
        let deadline = Instant.now() + timeout
        var told = ""
        while true {
            switch question(port) {
            case .ready: return .done
            case .notReady(let reason), .silent(let reason):
                if reason != told { StandardStream.error.write("waiting: \(reason)\n") }
                told = reason
            }
            guard Instant.now() < deadline else {
                let problem = Problem(.notReady, "\(told), after \(DurationText.text(timeout))")
                StandardStream.error.write("\(problem)\n")
                return .notReady
            }
            ThisProcess.pause(.milliseconds(100))
        }
    }

    private static func question(_ port: Port) -> Answer {
        var reason = ""
        for text in ["127.0.0.1", "::1"] {
            guard let address = IPAddress(text) else { continue }
            do throws(SystemError) {
                return try question(SocketAddress(address, port))
            } catch {
                reason = "no proxy answers on port \(port) (\(error.errno))"
            }
        }
        return .silent(reason)
    }

    private static func question(_ address: SocketAddress) throws(SystemError) -> Answer {
        guard let answer = try AdminClient.ask("GET", "/ready", at: .tcp(address)) else {
            return .silent("what answers on \(address) is no proxy")
        }
        return answer.status == 200 ? .ready : .notReady(answer.line ?? "not ready")
    }
}
