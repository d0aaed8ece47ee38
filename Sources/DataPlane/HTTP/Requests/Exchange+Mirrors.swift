// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Discovery
internal import MeshModel
internal import Reactor
internal import Routing
internal import Telemetry

/// Copies of a request for somebody else.
extension Exchange {
    /// Sends the copies that the rule asks for. Only what is short enough to be kept is copied.
    func mirror() {
        guard let rule, !rule.mirrors.isEmpty, isKept, !isTunnel, front != nil,
            let dialled = origin.dialled
        else {
            return
        }
        for mirror in rule.mirrors {
            let isChosen = Int.random(in: 0..<max(1, mirror.denominator), using: &thread.random) < mirror.numerator
            guard isChosen,
                let destination = thread.snapshot.destination(
                    of: mirror.backend.service, port: mirror.backend.port, dialled.address.family)
            else { continue }
            let copy = Exchange(copying: self, to: thread.services.state(of: destination))
            // Not from here: this may be inside the session that carries the request itself.
            loop.atEndOfTurn { copy.flush() }
        }
    }
}
