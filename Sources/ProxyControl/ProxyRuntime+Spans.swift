// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import DataPlane
internal import LinuxSystem
internal import MeshModel
internal import Reactor
internal import Telemetry

extension ProxyRuntime {
    /// Keeps the spans of the sampled requests among what has finished.
    func keepSpans(_ batch: [FinishedWork]) {
        let (wall, now) = (WallTime.now(), loop.now)
        for work in batch where work.isSampled {
            guard case .request(let record) = work.record else { continue }
            let endedAt = wall + .nanoseconds(-(now - work.endedAt).wholeNanoseconds)
            if let span = Span(record, endedAt: endedAt) { spans.append(span) }
        }
    }
}
