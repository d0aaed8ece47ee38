// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import DataPlane
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

/// How the proxy ends.
extension ProxyRuntime {
    /// SIGTERM: the first one drains, a second one ends it now.
    func terminate() {
        guard state.isDraining else { return drain(state.file.proxy.drain, reason: "SIGTERM") }
        log.log(LogLine(.warn, "ending now"))
        wasDrainClean = false
        dataPlane.cut(.shutDown)
        end()
    }

    /// Ends without settling: whoever asks knows that the application has gone, and with it the reason to accept.
    func shutDown(reason: String) {
        drain(DrainSettings(settle: .zero, deadline: state.file.proxy.drain.deadline), reason: reason)
    }

    /// Begins to drain; asked again, it goes on as it began.
    func drain(_ settings: DrainSettings, reason: String) {
        guard !state.isDraining else { return }
        state.isDraining = true
        threadsLeft = dataPlane.threadCount
        log.log(
            LogLine(
                .info, "draining",
                [
                    ("reason", reason), ("settle", DurationText.text(settings.settle)),
                    ("deadline", DurationText.text(settings.deadline)),
                ]))
        control?.leaves()
        dataPlane.drain(settings) { [drained] wasClean in drained.send(wasClean) }
    }

    func threadDrained(wasClean: Bool) {
        threadsLeft -= 1
        wasDrainClean = wasDrainClean && wasClean
        guard threadsLeft == 0 else { return }
        if !wasDrainClean {
            let problem = Problem(.drainIncomplete, "connections were still open at the deadline and were reset")
            log.log(LogLine(.warn, "drain incomplete", problem))
        }
        end()
    }

    private func end() {
        exitCode = wasDrainClean ? .done : .drainIncomplete
        loop.stop()
    }
}
