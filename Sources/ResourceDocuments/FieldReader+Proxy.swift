// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// `kind: Proxy`, the section about this very proxy and its namespace.
extension FieldReader {
    mutating func proxy() -> ProxySettings? {
        let metadata = metadata()
        return require("spec") { value in
            value.mapping { fields in
                // Without a name nothing comes of it, but what is wrong further down is told all the same.
                var proxy = ProxySettings(workload: metadata?.reference ?? ResourceReference(name: .defaultNamespace))
                proxy.identity = fields.read("identity") { $0.identityPaths }
                proxy.control = fields.read("control") { $0.control }
                proxy.locality = fields.read("locality") { $0.locality }
                fields.section("ports") { $0.ports(&proxy.ports) }
                // Before `capture`, which may say that names are answered and yet not captured.
                fields.section("names") { $0.names(&proxy) }
                fields.section("capture") { $0.capture(&proxy.capture, names: proxy.ports.names) }
                fields.section("inbound") { $0.inbound(&proxy.inbound) }
                fields.section("outbound") { fields in
                    fields.assign("registryOnly", to: &proxy.outbound.registryOnly) { $0.truth }
                }
                fields.section("timeouts") { $0.timeouts(&proxy.timeouts) }
                fields.section("limits") { $0.limits(&proxy.limits) }
                fields.section("http") { $0.http(&proxy.http) }
                fields.section("drain") { fields in
                    fields.assign("settle", to: &proxy.drain.settle) { $0.duration(.zero ... .seconds(3600)) }
                    fields.assign("deadline", to: &proxy.drain.deadline) { $0.duration(.zero ... .seconds(86_400)) }
                }
                fields.section("log") { fields in
                    fields.assign("level", to: &proxy.log.level) { $0.choice(LogSettings.Level.self) }
                    fields.assign("format", to: &proxy.log.format) { $0.choice(LogSettings.Format.self) }
                    fields.assign("connections", to: &proxy.log.connections) { $0.truth }
                }
                fields.section("tracing") { $0.tracing(&proxy.tracing) }
                fields.section("metrics") { $0.metrics(&proxy.metrics) }
                fields.section("admin") { fields in
                    proxy.admin.socketPath = fields.read("socket") { $0.filePath }
                    proxy.admin.port = fields.read("port") { $0.port }
                }
                fields.assign("dataThreads", to: &proxy.dataThreads) { $0.integer(1...64) }
                fields.assign("stateDirectory", to: &proxy.stateDirectory) { $0.filePath }
                fields.complainOfTwins(
                    proxy.ports.all + [proxy.admin.port].compactMap(\.self), in: "ports, names and admin")
                return metadata == nil ? nil : proxy
            }
        }
    }

    private mutating func ports(_ ports: inout ProxyPorts) {
        assign("outbound", to: &ports.outbound) { $0.port }
        assign("inbound", to: &ports.inbound) { $0.port }
        assign("metrics", to: &ports.metrics) { $0.port }
    }

    private mutating func capture(_ capture: inout CaptureSettings, names: Port?) {
        assign("proxyUIDs", to: &capture.proxyUsers) { $0.list { $0.proxyUser } }
        section("inbound") { fields in
            fields.selection("Ports", &capture.inbound.ports) { $0.portRange }
            fields.selection("Sources", &capture.inbound.sources) { $0.addressRange }
            fields.selection("Interfaces", &capture.inbound.interfaces) { $0.interfaceName }
        }
        section("outbound") { fields in
            fields.selection("Ports", &capture.outbound.ports) { $0.portRange }
            fields.selection("Destinations", &capture.outbound.destinations) { $0.addressRange }
            fields.selection("Interfaces", &capture.outbound.interfaces) { $0.interfaceName }
            fields.selection("UIDs", &capture.outbound.users) { $0.userRange }
        }
        assign("dropInvalid", to: &capture.dropInvalid) { $0.truth }
        assign("backend", to: &capture.backend) { $0.choice(CaptureSettings.Backend.self) }
        assign("names", to: &capture.names) { $0.truth }
        if capture.names, names == nil {
            complain(
                .conflict, "`names` asks for DNS to be captured, but the proxy answers none", "enable `spec.names`")
        }
    }

    private mutating func selection<Element>(
        _ name: String, _ selection: inout Selection<Element>, _ read: (Value) -> Element?
    ) {
        assign("include\(name)", to: &selection.include) { $0.list(read) }
        assign("skip\(name)", to: &selection.skip) { $0.list(read) }
    }

    private mutating func inbound(_ inbound: inout InboundSettings) {
        assign("mode", to: &inbound.mode) { $0.choice(MutualTLSMode.self) }
        let mode = inbound.mode
        assign("ports", to: &inbound.ports) { list in
            list.list { entry in
                entry.mapping { fields in
                    let port = fields.require("port") { $0.port }
                    let mode = fields.read("mode") { $0.choice(MutualTLSMode.self) } ?? mode
                    let passthrough = fields.read("passthroughTLS") { $0.truth } ?? false
                    return port.map { InboundPortSettings(port: $0, mode: mode, passthroughTLS: passthrough) }
                }
            }
        }
        complainOfTwins(inbound.ports.map(\.port), in: "ports")
        assign("permissiveSilence", to: &inbound.permissiveSilence) { $0.duration(.milliseconds(10) ... .seconds(60)) }
    }

    private mutating func timeouts(_ timeouts: inout ProxyTimeouts) {
        let short: ClosedRange<Duration> = .milliseconds(10) ... .seconds(600)
        let long: ClosedRange<Duration> = .milliseconds(100) ... .seconds(30 * 86_400)
        assign("connect", to: &timeouts.connect) { $0.duration(short) }
        assign("handshake", to: &timeouts.handshake) { $0.duration(short) }
        assign("open", to: &timeouts.open) { $0.duration(short) }
        assign("idle", to: &timeouts.idle) { $0.duration(.zero ... .seconds(30 * 86_400)) }
        assign("halfClose", to: &timeouts.halfClose) { $0.duration(long) }
        assign("hold", to: &timeouts.hold) { $0.duration(short) }
    }

    private mutating func limits(_ limits: inout ProxyLimits) {
        assign("connections", to: &limits.connections) { $0.integer(1...10_000_000) }
        assign("held", to: &limits.held) { $0.integer(0...1_000_000) }
        assign("handshakes", to: &limits.handshakes) { $0.integer(1...1_000_000) }
        assign("idlePeers", to: &limits.idlePeers) { $0.integer(0...ProxyLimits.idlePeersMax) }
        limits.memoryBytes = read("memory") { $0.byteCount }
    }
}

extension FieldReader {
    fileprivate mutating func http(_ http: inout HTTPSettings) {
        assign("headBytes", to: &http.headBytes) { $0.size(4096...1_048_576) }
        assign("fieldCount", to: &http.fieldCount) { $0.integer(16...4096) }
        assign("targetBytes", to: &http.targetBytes) { $0.size(1024...1_048_576) }
        assign("headTimeout", to: &http.headTimeout) { $0.duration(.milliseconds(10) ... .seconds(600)) }
        assign("requestIdleTimeout", to: &http.requestIdleTimeout) { $0.duration(.zero ... .seconds(30 * 86_400)) }
        assign("idleTimeout", to: &http.idleTimeout) { $0.duration(.milliseconds(100) ... .seconds(30 * 86_400)) }
        assign("idleUpstreams", to: &http.idleUpstreams) { $0.integer(0...100_000) }
        assign("idleUpstreamTimeout", to: &http.idleUpstreamTimeout) {
            $0.duration(.milliseconds(1) ... .seconds(3600))
        }
        assign("replayBytes", to: &http.replayBytes) { $0.size(0...16_777_216) }
        assign("shareSessions", to: &http.sharesSessions) { $0.truth }
        section("http2") { $0.http2(&http.http2) }
        if http.targetBytes > http.headBytes {
            complain(.conflict, "`targetBytes` is more than `headBytes`, of which it is a part", "make it less")
        }
    }
}

extension FieldReader {
    fileprivate mutating func http2(_ http2: inout HTTP2Settings) {
        assign("streams", to: &http2.streams) { $0.integer(1...10_000) }
        assign("streamWindow", to: &http2.streamWindowBytes) { $0.size(16_384...16_777_216) }
        assign("connectionWindow", to: &http2.connectionWindowBytes) { $0.size(65_536...1_073_741_824) }
        section("flood") { fields in
            let range = 1...1_000_000
            fields.assign("cancelledRequests", to: &http2.flood.cancelledRequests) { $0.integer(range) }
            fields.assign("brokenStreams", to: &http2.flood.brokenStreams) { $0.integer(range) }
            fields.assign("pings", to: &http2.flood.pings) { $0.integer(range) }
            fields.assign("settings", to: &http2.flood.settings) { $0.integer(range) }
            fields.assign("emptyData", to: &http2.flood.emptyData) { $0.integer(range) }
            fields.assign("otherFrames", to: &http2.flood.otherFrames) { $0.integer(range) }
        }
        if http2.streamWindowBytes > http2.connectionWindowBytes {
            complain(.conflict, "`streamWindow` is more than `connectionWindow`, of which it is a part", "make it less")
        }
    }
}

extension Value {
    /// Bytes, or `64Ki`, `1Mi`.
    fileprivate func size(_ range: ClosedRange<Int>) -> Int? {
        scalar("a size from \(ByteCountText.text(range.lowerBound)) to \(ByteCountText.text(range.upperBound))") {
            text in
            ByteCountText.parse(text).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    fileprivate var identityPaths: IdentityPaths? {
        mapping { fields in
            let chain = fields.require("chain") { $0.filePath }
            let key = fields.require("key") { $0.filePath }
            let bundle = fields.require("bundle") { $0.filePath }
            guard let chain, let key, let bundle else { return nil }
            return IdentityPaths(chain: chain, key: key, bundle: bundle)
        }
    }

    fileprivate var control: ControlSettings? {
        mapping { fields in
            let addresses = fields.require("addresses") { $0.controlAddresses(ControlAddress.proxyPort) }
            let joinAddresses = fields.read("joinAddresses") { $0.controlAddresses(ControlAddress.joinPort) }
            for (name, list) in [("addresses", addresses), ("joinAddresses", joinAddresses)] {
                guard let list, !(1...64).contains(list.count) else { continue }
                fields.complain(.badValue, "`\(name)` has \(list.count) entries", "give 1 to 64")
                return nil
            }
            return addresses.map { ControlSettings(addresses: $0, joinAddresses: joinAddresses ?? []) }
        }
    }

    private func controlAddresses(_ port: Port) -> [ControlAddress]? {
        list {
            $0.scalar("an address or a name with a port, such as 10.0.0.1:\(port) or control.example:\(port)") {
                ControlAddress($0, defaultPort: port)
            }
        }
    }

    fileprivate var portRange: PortRange? { scalar("a port or a range of ports such as 8000-8099") { PortRange($0) } }

    /// `64Mi`, `1Gi`: what a container's limit is written in. Less than 16 MiB is not enough to run.
    fileprivate var byteCount: Int64? {
        scalar("a size from 16Mi on, such as 64Mi or 1Gi") { text in
            for (suffix, shift) in [("Ki", 10), ("Mi", 20), ("Gi", 30)] where text.hasSuffix(suffix) {
                guard let number = Decimal.parse(text.utf8.dropLast(2), atMost: 1 << 30) else { return nil }
                let bytes = Int64(number) << Int64(shift)
                return bytes >= 16 << 20 ? bytes : nil
            }
            return nil
        }
    }

    fileprivate var userRange: UserIDRange? {
        scalar("a numeric uid or a range of them such as 1000-1999; names are not looked up") { UserIDRange($0) }
    }

    fileprivate var interfaceName: InterfaceName? {
        scalar("an interface name of at most 15 letters, perhaps ending in +") { InterfaceName($0) }
    }

    /// Root is refused: every program that runs as root would pass for the proxy and bypass the mesh.
    fileprivate var proxyUser: UserID? {
        scalar("a numeric uid other than 0") { text in UserID(text).flatMap { $0.number == 0 ? nil : $0 } }
    }
}
