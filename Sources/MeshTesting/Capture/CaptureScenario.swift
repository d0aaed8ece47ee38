// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// A configuration whose rules are kept as golden files, applied for real in a namespace, and asked for by flags.
package struct CaptureScenario: Sendable, CustomStringConvertible {
    package let name: String
    package let settings: CaptureSettings
    package let ports: ProxyPorts

    /// The same on the command line of `weft-init`.
    package let flags: [String]

    package var description: String { name }

    private init(
        _ name: String, flags: [String], ports: ProxyPorts = ProxyPorts(),
        _ change: (inout CaptureSettings) -> Void = { _ in }
    ) {
        var settings = CaptureSettings()
        settings.proxyUsers = parse(["1337"]) { UserID($0) }
        change(&settings)
        self.name = name
        self.settings = settings
        self.ports = ports
        self.flags = (flags.contains("--proxy-uid") ? [] : ["--proxy-uid", "1337"]) + flags
    }

    package static let all: [CaptureScenario] = [
        CaptureScenario("default", flags: []),
        CaptureScenario("several-proxy-users", flags: ["--proxy-uid", "1337,1338,2102"]) { settings in
            settings.proxyUsers = parse(["2102", "1338", "1337"]) { UserID($0) }
        },
        CaptureScenario(
            "skipped-ports",
            flags: [
                "--skip-inbound-ports", "22,9000-9099", "--skip-outbound-ports", "25", "--skip-outbound-ports", "465",
            ]
        ) { settings in
            settings.inbound.ports.skip = portRanges("22", "9000-9099")
            settings.outbound.ports.skip = portRanges("25", "465")
        },
        CaptureScenario(
            "many-ports",
            flags: [
                "--skip-inbound-ports", manyPorts.joined(separator: ","),
                "--outbound-ports", manyPorts.reversed().joined(separator: ","),
            ]
        ) { settings in
            settings.inbound.ports.skip = manyPorts.compactMap { PortRange($0) }
            settings.outbound.ports.include = manyPorts.compactMap { PortRange($0) }
        },
        CaptureScenario("names", flags: ["--names-port", "15053"], ports: withNames) { settings in
            settings.names = true
        },
        CaptureScenario(
            "names-with-lists",
            flags: [
                "--names-port", "15053", "--uids", "1000-1999,0", "--skip-uids", "1500", "--outbound-ports", "80",
                "--skip-outbound-destinations", "10.0.0.0/8,fd00::/8", "--skip-outbound-interfaces", "docker0",
            ], ports: withNames
        ) { settings in
            settings.names = true
            settings.outbound.users.include = parse(["1000-1999", "0"]) { UserIDRange($0) }
            settings.outbound.users.skip = parse(["1500"]) { UserIDRange($0) }
            settings.outbound.ports.include = portRanges("80")
            settings.outbound.destinations.skip = parse(["10.0.0.0/8", "fd00::/8"]) { AddressRange($0) }
            settings.outbound.interfaces.skip = parse(["docker0"]) { InterfaceName($0) }
        },
        CaptureScenario("listed-inbound-ports", flags: ["--inbound-ports", "80,8080"]) { settings in
            settings.inbound.ports.include = portRanges("80", "8080")
        },
        CaptureScenario("listed-outbound-ports", flags: ["--outbound-ports", "443"]) { settings in
            settings.outbound.ports.include = portRanges("443")
        },
        CaptureScenario(
            "skipped-destinations",
            flags: ["--skip-outbound-destinations", "10.96.0.0/12,10.97.0.0/16,fd00:96::/32,192.0.2.7"]
        ) { settings in
            settings.outbound.destinations.skip = addressRanges(
                "10.96.0.0/12", "10.97.0.0/16", "fd00:96::/32", "192.0.2.7")
        },
        CaptureScenario(
            "listed-destinations-of-one-family", flags: ["--outbound-destinations", "10.0.0.0/8,192.168.0.0/16"]
        ) {
            $0.outbound.destinations.include = addressRanges("10.0.0.0/8", "192.168.0.0/16")
        },
        CaptureScenario("listed-link-local", flags: ["--outbound-destinations", "169.254.169.254,10.0.0.0/8,fd00::/8"])
        {
            $0.outbound.destinations.include = addressRanges("169.254.169.254", "10.0.0.0/8", "fd00::/8")
        },
        CaptureScenario(
            "sources",
            flags: ["--inbound-sources", "10.0.0.0/8,fd00::/8", "--skip-inbound-sources", "10.77.0.250,fd77::fa"]
        ) { settings in
            settings.inbound.sources.include = addressRanges("10.0.0.0/8", "fd00::/8")
            settings.inbound.sources.skip = addressRanges("10.77.0.250", "fd77::fa")
        },
        CaptureScenario(
            "interfaces",
            flags: [
                "--inbound-interfaces", "eth+,weft+", "--skip-inbound-interfaces", "eth9", "--outbound-interfaces",
                "eth0",
                "--skip-outbound-interfaces", "tun+",
            ]
        ) { settings in
            settings.inbound.interfaces = Selection(include: interfaces("eth+", "weft+"), skip: interfaces("eth9"))
            settings.outbound.interfaces = Selection(include: interfaces("eth0"), skip: interfaces("tun+"))
        },
        CaptureScenario("users", flags: ["--uids", "0,1000-1999", "--skip-uids", "1500,1501-1503"]) { settings in
            settings.outbound.users = Selection(include: users("0", "1000-1999"), skip: users("1500", "1501-1503"))
        },
        CaptureScenario(
            "every-list",
            flags: [
                "--inbound-ports", "80", "--inbound-sources", "0.0.0.0/0,::/0", "--inbound-interfaces", "weft+,eth+",
                "--outbound-ports", "80,443,8000-8999", "--outbound-destinations", "10.0.0.0/8,fd00::/8",
                "--outbound-interfaces", "eth0", "--uids", "0-999,2000-2999", "--skip-inbound-ports", "81",
                "--skip-outbound-ports", "8500",
            ]
        ) { settings in
            settings.inbound.ports = Selection(include: portRanges("80"), skip: portRanges("81"))
            settings.inbound.sources.include = addressRanges("0.0.0.0/0", "::/0")
            settings.inbound.interfaces.include = interfaces("weft+", "eth+")
            settings.outbound.ports = Selection(include: portRanges("80", "443", "8000-8999"), skip: portRanges("8500"))
            settings.outbound.destinations.include = addressRanges("10.0.0.0/8", "fd00::/8")
            settings.outbound.interfaces.include = interfaces("eth0")
            settings.outbound.users.include = users("0-999", "2000-2999")
        },
        CaptureScenario(
            "other-ports",
            flags: [
                "--outbound-port", "4140", "--inbound-port", "4143", "--metrics-port", "4191", "--no-drop-invalid",
            ], ports: otherPorts
        ) { settings in
            settings.dropInvalid = false
        },
        CaptureScenario("nothing-outbound", flags: ["--skip-outbound-destinations", "0.0.0.0/0,::/0"]) { settings in
            settings.outbound.destinations.skip = addressRanges("0.0.0.0/0", "::/0")
        },
        CaptureScenario(
            "overlapping-lists",
            flags: [
                "--skip-inbound-ports", "100-200,150-300,301,80,80", "--skip-outbound-destinations",
                "10.1.2.3/8,10.0.0.0/8",
            ]
        ) { settings in
            settings.inbound.ports.skip = portRanges("100-200", "150-300", "301", "80", "80")
            settings.outbound.destinations.skip = addressRanges("10.1.2.3/8", "10.0.0.0/8")
        },
    ]

    /// Forty single ports and three ranges: four multiport matches.
    private static let manyPorts = (0..<40).map { "\(2001 + 10 * $0)" } + ["3000-3009", "4000-4999", "65000-65535"]

    private static let withNames: ProxyPorts = {
        var ports = ProxyPorts()
        ports.names = Port.known(15053)
        return ports
    }()

    private static let otherPorts: ProxyPorts = {
        var ports = ProxyPorts()
        ports.outbound = Port.known(4140)
        ports.inbound = Port.known(4143)
        ports.metrics = Port.known(4191)
        return ports
    }()
}

private func parse<Element>(_ texts: [String], _ read: (String) -> Element?) -> [Element] {
    texts.map { text in
        guard let element = read(text) else { preconditionFailure("\(text) is written wrong in a scenario.") }
        return element
    }
}

private func portRanges(_ texts: String...) -> [PortRange] { parse(texts) { PortRange($0) } }
private func addressRanges(_ texts: String...) -> [AddressRange] { parse(texts) { AddressRange($0) } }
private func interfaces(_ texts: String...) -> [InterfaceName] { parse(texts) { InterfaceName($0) } }
private func users(_ texts: String...) -> [UserIDRange] { parse(texts) { UserIDRange($0) } }
