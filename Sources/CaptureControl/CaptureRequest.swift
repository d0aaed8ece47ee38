// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CommandLine
internal import MeshModel
internal import Redirection
internal import ResourceDocuments

/// What is to be captured, where and with what: the file, overridden by the flags.
struct CaptureRequest: Hashable, Sendable {
    var settings = CaptureSettings()
    var ports = ProxyPorts()
    var networkNamespace: String?
    var lockTimeout: Duration = .seconds(10)

    /// False if nobody said what to capture, neither by file nor by flag; only `status` can do without.
    let isGiven: Bool

    /// Reads the command line and the file that it names; everything wrong with them is in the error.
    init(_ arguments: Arguments) throws(Problems) {
        isGiven = arguments.isGiven("--config") || arguments.isGiven("--proxy-uid")
        if let path = arguments.value("--config") {
            let file = try ConfigurationReader.read(path: path)
            settings = file.proxy.capture
            ports = file.proxy.ports
        }
        var reader = OptionReader(arguments)
        reader.capture(&settings)
        reader.assign("--inbound-port", to: &ports.inbound, "a port, 1 to 65535") { Port($0) }
        reader.assign("--outbound-port", to: &ports.outbound, "a port, 1 to 65535") { Port($0) }
        reader.assign("--metrics-port", to: &ports.metrics, "a port, 1 to 65535") { Port($0) }
        if let names = reader.read("--names-port", "a port, 1 to 65535", { Port($0) }) {
            ports.names = names
            settings.names = true
        }
        reader.place(&self)
        try reader.finish()
    }

    /// Only where and with what, for `undo`.
    init(placeOnly arguments: Arguments) throws(Problems) {
        isGiven = false
        var reader = OptionReader(arguments)
        reader.place(&self)
        try reader.finish()
    }

    /// The plans of both families.
    func plans() throws(Problems) -> [AddressFamily: RedirectPlan] {
        do throws(Problem) {
            return [
                .ipv4: try RedirectPlan(.ipv4, settings, ports), .ipv6: try RedirectPlan(.ipv6, settings, ports),
            ]
        } catch {
            throw Problems(error)
        }
    }
}

/// Reads values off the command line and collects what is wrong with them.
struct OptionReader {
    private let arguments: Arguments
    private var problems: [Problem] = []

    init(_ arguments: Arguments) { self.arguments = arguments }

    func finish() throws(Problems) {
        if !problems.isEmpty { throw Problems(problems) }
    }

    /// The value of an option; nil if it is not given or is wrong, which is then remembered.
    mutating func read<Value>(_ name: String, _ expected: String, _ convert: (String) -> Value?) -> Value? {
        guard let text = arguments.value(name) else { return nil }
        if let value = convert(text) { return value }
        problems.append(OptionReader.problem(name, text, expected))
        return nil
    }

    /// The value of an option that must be there.
    mutating func require<Value>(_ name: String, _ expected: String, _ convert: (String) -> Value?) -> Value? {
        guard arguments.isGiven(name) else {
            problems.append(Problem(.missingValue, at: name, "is missing", remedy: "give \(expected)"))
            return nil
        }
        return read(name, expected, convert)
    }

    mutating func assign<Value>(
        _ name: String, to target: inout Value, _ expected: String, _ convert: (String) -> Value?
    ) {
        if let value = read(name, expected, convert) { target = value }
    }

    mutating func choice<Choice: RawRepresentable<String> & CaseIterable>(_ name: String, to target: inout Choice) {
        let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        assign(name, to: &target, "one of \(words)") { Choice(rawValue: $0) }
    }

    /// A list replaces that of the file. Nothing of it is taken if one entry is wrong.
    private mutating func list<Element>(
        _ name: String, to target: inout [Element], _ expected: String, _ convert: (String) -> Element?
    ) {
        guard let texts = arguments.list(name) else { return }
        var elements: [Element] = []
        for text in texts {
            if let element = convert(text) {
                elements.append(element)
            } else {
                problems.append(OptionReader.problem(name, text, expected))
            }
        }
        target = elements
    }

    private static func problem(_ name: String, _ text: String, _ expected: String) -> Problem {
        Problem(.badValue, at: name, "`\(text.prefix(80))` is not \(expected)")
    }
}

extension OptionReader {
    mutating func capture(_ settings: inout CaptureSettings) {
        list("--proxy-uid", to: &settings.proxyUsers, "a numeric uid other than 0; names are not looked up") { text in
            UserID(text).flatMap { $0.number == 0 ? nil : $0 }
        }
        ports("inbound-ports", &settings.inbound.ports)
        ranges("inbound-sources", &settings.inbound.sources)
        interfaces("inbound-interfaces", &settings.inbound.interfaces)
        ports("outbound-ports", &settings.outbound.ports)
        ranges("outbound-destinations", &settings.outbound.destinations)
        interfaces("outbound-interfaces", &settings.outbound.interfaces)
        let users = "a numeric uid or a range of them such as 1000-1999; names are not looked up"
        list("--uids", to: &settings.outbound.users.include, users) { UserIDRange($0) }
        list("--skip-uids", to: &settings.outbound.users.skip, users) { UserIDRange($0) }
        if arguments.isGiven("--no-drop-invalid") { settings.dropInvalid = false }
    }

    mutating func place(_ request: inout CaptureRequest) {
        choice("--backend", to: &request.settings.backend)
        request.networkNamespace = read("--netns", "a path") { $0.isEmpty || $0.utf8.contains(0) ? nil : $0 }
        assign("--lock-timeout", to: &request.lockTimeout, "a time of at most an hour, such as 10s or 1m30s") { text in
            DurationText.parse(text).flatMap { $0 <= .seconds(3600) ? $0 : nil }
        }
    }

    private mutating func ports(_ name: String, _ selection: inout Selection<PortRange>) {
        let expected = "a port or a range of ports such as 8000-8099"
        list("--\(name)", to: &selection.include, expected) { PortRange($0) }
        list("--skip-\(name)", to: &selection.skip, expected) { PortRange($0) }
    }

    private mutating func ranges(_ name: String, _ selection: inout Selection<AddressRange>) {
        let expected = "an address range such as 10.0.0.0/8 or fd00::/8"
        list("--\(name)", to: &selection.include, expected) { AddressRange($0) }
        list("--skip-\(name)", to: &selection.skip, expected) { AddressRange($0) }
    }

    private mutating func interfaces(_ name: String, _ selection: inout Selection<InterfaceName>) {
        let expected = "an interface name of at most 15 letters, perhaps ending in +"
        list("--\(name)", to: &selection.include, expected) { InterfaceName($0) }
        list("--skip-\(name)", to: &selection.skip, expected) { InterfaceName($0) }
    }
}
