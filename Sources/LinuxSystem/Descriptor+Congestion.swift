// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CLinux
internal import MeshModel

/// How a connection finds out how fast it may send.
///
/// BBR paces: it sets a timer for every burst of 64 KiB. On a path as short as a cable between two namespaces that is all
/// it does, at a quarter of the CPU of a bulk transfer (docs/adr/0011). Below a millisecond it does not matter who finds
/// the right speed, since a mistake is mended within some round trips; CUBIC, Linux's own choice, behaves as Reno there.
package enum CongestionControl {
    /// Paths shorter than this do without pacing.
    package static let shortPath: Duration = .milliseconds(1)

    /// The congestion control that new sockets get, if it is one that paces; nil for CUBIC, Reno and all others, which are
    /// left alone.
    package static func pacedDefault() -> String? {
        guard let socket = try? Descriptor.stream(.ipv4), let name = socket.congestionControl else { return nil }
        return name.hasPrefix("bbr") ? name : nil
    }
}

extension Descriptor {
    /// The name of its congestion control.
    package var congestionControl: String? {
        // TCP_CA_NAME_MAX of linux/net/tcp.h.
        var name = [CChar](repeating: 0, count: 17)
        guard unsafe weft_congestion_control(number, &name, name.count) == 0 else { return nil }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// For a connection that never leaves the host, or whose path is not known yet: the congestion control that every
    /// kernel has and every user may choose, and that costs the least.
    package borrowing func expectNoCongestion() {
        _ = unsafe weft_set_congestion_control(number, "reno")
    }

    /// For a connection that began so and has been around once: takes the given congestion control unless the path is
    /// short.
    package borrowing func expectCongestion(_ name: String) {
        let microseconds = weft_shortest_round_trip(number)
        if microseconds >= 0, Duration.microseconds(microseconds) < CongestionControl.shortPath { return }
        _ = unsafe weft_set_congestion_control(number, name)
    }
}
