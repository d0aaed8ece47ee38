// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// The ports of one proxy (design: 15001, 15006, 15020). `weft-init` and `weft-proxy` read them from one place.
package struct ProxyPorts: Hashable, Sendable {
    /// Where OUTPUT redirects to; bound on loopback of both families.
    package var outbound = Port.known(15001)
    /// Where PREROUTING redirects to; bound on every address of both families.
    package var inbound = Port.known(15006)
    /// `/metrics`, `/ready`, `/live`, on every address; exempt from inbound capture.
    package var metrics = Port.known(15020)
    /// Where names are asked for, on loopback of both families (design: 15053); nil where the proxy answers none.
    package var names: Port?

    package init() {}

    package var all: [Port] { [outbound, inbound, metrics] + [names].compactMap(\.self) }

    /// As far as `spec.ports` says them.
    package func isSame(as other: ProxyPorts) -> Bool { all.prefix(3) == other.all.prefix(3) }
}

/// Where the proxy's own certificate, key and roots lie.
package struct IdentityPaths: Hashable, Sendable {
    /// PEM, leaf first, then intermediates, without the root.
    package var chain: String
    /// PEM, PKCS#8 or SEC 1, P-256; 0400, 0440, 0600 or 0640.
    package var key: String
    /// PEM, one or more roots of the own trust domain.
    package var bundle: String

    package init(chain: String, key: String, bundle: String) {
        self.chain = chain
        self.key = key
        self.bundle = bundle
    }
}

/// Whether plaintext may come in.
package enum MutualTLSMode: String, Hashable, Sendable, CaseIterable {
    /// Only `weft/1` with a good certificate passes.
    case strict
    /// Plaintext and the application's own TLS pass too, counted and listed as unauthenticated: for moving in.
    case permissive
}

/// What one port of this workload does with what comes in.
package struct InboundPortSettings: Hashable, Sendable {
    package let port: Port
    package let mode: MutualTLSMode

    /// Application TLS passes untouched although the port is strict; shown everywhere as unauthenticated.
    package let passthroughTLS: Bool

    package init(port: Port, mode: MutualTLSMode, passthroughTLS: Bool) {
        self.port = port
        self.mode = mode
        self.passthroughTLS = passthroughTLS
    }
}

/// How traffic toward the workload is treated.
package struct InboundSettings: Hashable, Sendable {
    package var mode = MutualTLSMode.strict
    package var ports: [InboundPortSettings] = []

    /// On a permissive port, how long a client from outside the mesh may stay silent before it counts as the client of
    /// a server that speaks first.
    package var permissiveSilence: Duration = .seconds(1)

    package init() {}

    package func settings(for port: UInt16) -> (mode: MutualTLSMode, passthroughTLS: Bool) {
        if let settings = ports.first(where: { $0.port.number == port }) {
            return (settings.mode, settings.passthroughTLS)
        }
        return (mode, false)
    }
}

/// How traffic from the workload is treated.
package struct OutboundSettings: Hashable, Sendable {
    /// True refuses every destination that no resource names.
    package var registryOnly = false

    package init() {}
}

/// How long things may take. Zero means "no limit" only for ``idle``.
package struct ProxyTimeouts: Hashable, Sendable {
    /// One attempt to connect. Five seconds let two lost SYNs be repeated (at 1 s and 3 s).
    package var connect: Duration = .seconds(5)
    /// From accept or connect to the end of the TLS handshake; also how long a strict port waits for a first byte.
    package var handshake: Duration = .seconds(10)
    /// From OPEN to OPENED: the peer's authorisation and its connect to the application.
    package var open: Duration = .seconds(15)
    /// A connection over which nothing moved. A day: keepalive already finds the dead; sessions may well rest for hours.
    package var idle: Duration = .seconds(24 * 3600)
    /// A connection of which one side has ended and nothing moves on the other.
    package var halfClose: Duration = .seconds(3600)
    /// How long a connection waits for an identity to be there, or for discovery to answer.
    package var hold: Duration = .seconds(10)

    package init() {}
}

/// How much a peer may make us hold.
package struct ProxyLimits: Hashable, Sendable {
    /// Connections relayed at once, over all data threads; beyond it new ones are refused. The descriptor limit may be
    /// lower: each connection takes two.
    package var connections = 50_000
    /// Connections that wait for an identity.
    package var held = 256
    /// TLS handshakes under way; beyond it new connections wait in the kernel's queue.
    package var handshakes = 1_024
    /// The most that ``idlePeers`` may be.
    package static let idlePeersMax = 256
    /// Connections to other sidecars that wait to be used again, over all data threads; none at 0.
    package var idlePeers = ProxyLimits.idlePeersMax
    /// What the process may hold resident before it refuses and resets; nil takes the limit of the control group.
    package var memoryBytes: Int64?

    package init() {}
}

/// How the proxy ends on SIGTERM.
package struct DrainSettings: Hashable, Sendable {
    /// How long new inbound connections are still accepted, so that everyone who knows us can learn that we leave.
    package var settle: Duration = .seconds(5)
    /// After this what is left is reset.
    package var deadline: Duration = .seconds(30)

    package init() {}

    package init(settle: Duration, deadline: Duration) {
        self.settle = settle
        self.deadline = deadline
    }
}

/// How much is written, and how.
package struct LogSettings: Hashable, Sendable {
    package enum Level: String, Hashable, Sendable, CaseIterable, Comparable {
        /// An operator must act.
        case error
        /// Degraded.
        case warn
        /// Life of the process, and one line per finished connection.
        case info
        /// Steps of each connection.
        case debug
        /// Reads and writes.
        case trace

        /// Higher is chattier.
        package var rank: Int { Level.allCases.firstIndex(of: self) ?? 0 }

        package static func < (left: Level, right: Level) -> Bool { left.rank < right.rank }
    }

    package enum Format: String, Hashable, Sendable, CaseIterable {
        case text
        case json
    }

    package var level = Level.info
    package var format = Format.text
    /// One line per finished connection.
    package var connections = true

    package init() {}
}

/// How the proxy is asked about itself.
package struct AdminSettings: Hashable, Sendable {
    /// The unix socket, 0600; nil puts `admin.sock` into the state directory.
    package var socketPath: String?
    /// Also on loopback TCP, with the Host header checked and `X-Weft-Admin` required.
    package var port: Port?

    package init() {}
}

/// Everything a proxy is told by its file, apart from the mesh's resources.
package struct ProxySettings: Hashable, Sendable {
    /// The workload this proxy stands beside; a Workload resource of that name says what identity it must have.
    package var workload: ResourceReference
    /// Where chain, key and roots lie; nil with a control plane: in the state directory, where it puts them.
    package var identity: IdentityPaths?
    /// Nil: the file is all there is.
    package var control: ControlSettings?
    /// Where the workload runs; nil where nobody has said.
    package var locality: Locality?
    package var ports = ProxyPorts()
    package var capture = CaptureSettings()
    package var inbound = InboundSettings()
    package var outbound = OutboundSettings()
    package var names = NameSettings()
    package var timeouts = ProxyTimeouts()
    package var limits = ProxyLimits()
    package var http = HTTPSettings()
    package var drain = DrainSettings()
    package var log = LogSettings()
    package var tracing = TracingSettings()
    package var metrics = MetricsSettings()
    package var admin = AdminSettings()
    package var dataThreads = 1
    /// The only place the proxy writes to; 0700.
    package var stateDirectory = ProxySettings.defaultStateDirectory

    package init(workload: ResourceReference) {
        self.workload = workload
    }

    package static let defaultStateDirectory = "/var/lib/weft"

    package var adminSocketPath: String { admin.socketPath ?? ProxySettings.adminSocketPath(in: stateDirectory) }

    /// Where the admin socket is unless the configuration says otherwise.
    package static func adminSocketPath(in directory: String = defaultStateDirectory) -> String {
        "\(directory)/admin.sock"
    }
}

/// One configuration file: what this proxy does and, without a control plane, all it knows of the mesh.
package struct ConfigurationFile: Hashable, Sendable {
    package var proxy: ProxySettings
    package var resources: MeshResources

    package init(proxy: ProxySettings, resources: MeshResources) {
        self.proxy = proxy
        self.resources = resources
    }
}
