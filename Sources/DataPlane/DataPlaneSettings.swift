// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import LinuxSystem
package import MeshModel

/// What the data threads work with, derived once from the configuration.
package struct DataPlaneSettings: Sendable {
    package let proxy: ProxySettings
    /// Ports of our own on which nothing is ever forwarded.
    package let ownPorts: Set<UInt16>
    package let connectionsPerThread: Int
    package let descriptorsPerThread: Int
    package let handshakesPerThread: Int
    package let heldPerThread: Int
    /// Rounded up: several threads share a small number, but nothing stays nothing.
    package let idlePeersPerThread: Int
    package let liveness = LivenessSettings()
    /// The system's congestion control if it is one that paces: connections between sidecars take it where their path is
    /// long enough to gain by it.
    let pacedCongestionControl = CongestionControl.pacedDefault()
    let loopbackListeners: LoopbackListeners

    /// DSCP 10 (AF11): marks a connection that the outbound side makes to its own pod, for the rule that brings it to the
    /// inbound side.
    static let selfCallTypeOfService: UInt8 = 0x28

    /// `descriptorLimit` is what the process may open: a relayed connection takes two, and some are needed beside.
    package init(_ proxy: ProxySettings, descriptorLimit: Int, loopbackListeners: LoopbackListeners) {
        self.loopbackListeners = loopbackListeners
        self.proxy = proxy
        var ports = Set(proxy.ports.all.map(\.number))
        if let admin = proxy.admin.port { ports.insert(admin.number) }
        ownPorts = ports
        let threads = max(1, proxy.dataThreads)
        descriptorsPerThread = max(4, (descriptorLimit - Self.descriptorsBeside) / threads)
        connectionsPerThread = max(1, proxy.limits.connections / threads)
        handshakesPerThread = max(1, proxy.limits.handshakes / threads)
        heldPerThread = proxy.limits.held / threads
        idlePeersPerThread = (proxy.limits.idlePeers + threads - 1) / threads
    }

    /// Listeners, epoll, bells, the log, the admin socket with its clients, idle pool entries.
    private static let descriptorsBeside = 64
}
