// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CertificateAuthority
internal import CommandLine
internal import ControlPlane
internal import ControlStore
internal import LinuxSystem
internal import Logging
internal import MeshModel

/// The program `weft-control`.
package enum ControlProgram {
    static let run = CommandSyntax(
        "run", "runs a replica of the control plane until it is told to end",
        discussion: """
            Alone it keeps everything in one file of SQLite in its data directory; with --etcd several replicas share an
            etcd. The first start of an empty store makes a mesh with a root of its own. SIGTERM ends it: proxies go on
            with what they know.
            """,
        options: [
            .value(
                "--data", "DIR", "what this replica keeps: keys, the database, the administrator's socket (required)"),
            .value("--trust-domain", "NAME", "of a mesh that is to be made; drawn if not given"),
            .value("--name", "NAME", "of this replica; drawn at its first start"),
            .list("--etcd", "URL", "an endpoint of etcd in place of the file; may be given several times"),
            .value("--etcd-prefix", "TEXT", "what its keys begin with (/weft/)"),
            .value("--etcd-ca", "FILE", "who signed etcd's certificate"),
            .value("--etcd-cert", "FILE", "our certificate for etcd"),
            .value("--etcd-key", "FILE", "its key"),
            .list(
                "--address", "HOST", "where proxies and joining machines find this replica; may be given several times"),
            .value(
                "--workload-lifetime", "DURATION",
                "how long the certificates of workloads hold, such as 12h (1d); from 1m to 30d"),
            .value("--listen", "ADDRESS", "what the ports of proxies are bound to (0.0.0.0)"),
            .value("--api-listen", "ADDRESS", "what the API's port is bound to (127.0.0.1)"),
            .value("--api-port", "PORT", "the API over TLS (15010); 0 for none"),
            .value("--proxy-port", "PORT", "proxies (15012)"),
            .value("--join-port", "PORT", "machines that join (15013); 0 for none"),
            .value("--metrics-port", "PORT", "metrics (15014); 0 for none"),
        ],
        examples: [
            "weft-control run --data /var/lib/weft-control --trust-domain mesh.example --address 10.0.0.1",
            "weft-control run --data /var/lib/weft-control --etcd https://10.0.0.5:2379 --etcd-ca etcd-ca.pem --address 10.0.0.1",
        ])

    private static let program = ProgramSyntax(
        "weft-control", "The control plane of the Weft service mesh.", commands: [run],
        exitCodes: [
            (0, "ended as it was told to"), (1, "failed; the message begins with a code, WEFTnnnn"),
            (2, "the command line is wrong"),
        ])

    /// Runs what the command line asks for, and ends the process.
    package static func main() async -> Never {
        do throws(Problems) {
            switch try program.parse(ThisProcess.arguments) {
            case .help(let text):
                StandardStream.output.write(text)
                ThisProcess.exit(0)
            case .version:
                StandardStream.output.write("weft-control \(WeftVersion.text)\n")
                ThisProcess.exit(0)
            case .run(_, let arguments): await run(arguments)
            }
        } catch {
            StandardStream.error.write("weft-control: \(error)\n")
            ThisProcess.exit(2)
        }
    }

    private static func run(_ arguments: Arguments) async -> Never {
        ThisProcess.keepNoHeapPerThread()
        do throws(Problem) {
            // Of the buffers that swift-nio-ssl keeps for each connection little is ever touched.
            ThisProcess.tuneHeap(mapping: 16 << 10)
            ThisProcess.ignoreBrokenPipes()
            _ = ThisProcess.raiseDescriptorLimit()
            let options = try Options(arguments)
            let taken = PortCheck.problems(options.ports)
            if !taken.isEmpty {
                for problem in taken { StandardStream.error.write("weft-control: \(problem)\n") }
                ThisProcess.exit(1)
            }
            var logger = Logger(label: "weft-control") { _ in LineLogHandler() }
            logger.logLevel = .info
            let directory = try ReplicaDirectory(options.data)
            let name = try directory.replicaName(wanted: options.name)
            let store = try await open(options, directory)
            var settings = ControlPlane.Settings(directory: directory, replica: name)
            settings.trustDomain = options.trustDomain
            settings.isShared = options.etcd != nil
            settings.proxyAddresses = options.addresses(options.ports.proxies)
            settings.joinAddresses = options.addresses(options.ports.join)
            settings.workloadLifetime = options.workloadLifetime ?? settings.workloadLifetime
            let plane = try await ControlPlane(settings, store)
            logger.info(
                "started",
                metadata: [
                    "version": "\(WeftVersion.text)", "mesh": "\(plane.trustDomain)", "replica": "\(name)",
                    "socket": "\(directory.socketPath)",
                ])
            do {
                try await ControlServer(plane, options.ports, logger: logger).run()
            } catch {
                throw (error as? Problem) ?? Problem(.listenFailed, "the control plane cannot go on: \(error)")
            }
            logger.info("ended")
            ThisProcess.exit(0)
        } catch {
            StandardStream.error.write("weft-control: \(error)\n")
            ThisProcess.exit(1)
        }
    }

    private static func open(_ options: Options, _ directory: ReplicaDirectory) async throws(Problem) -> any Store {
        do throws(StoreError) {
            guard let etcd = options.etcd else { return try await SQLiteStore.open(path: directory.databasePath) }
            return try EtcdStore(etcd)
        } catch {
            throw error.problem
        }
    }

    /// What the command line says.
    private struct Options {
        let data: String
        let name: ResourceName?
        let trustDomain: TrustDomain?
        let workloadLifetime: Duration?
        var etcd: EtcdSettings?
        var ports = ControlServer.Ports()
        let hosts: [String]

        init(_ arguments: Arguments) throws(Problem) {
            guard let data = arguments.value("--data") else {
                throw Problem(.missingValue, at: "--data", "is missing", remedy: "`weft-control run --help`")
            }
            self.data = data
            name = try Self.read(arguments, "--name", "a name") { ResourceName($0) }
            trustDomain = try Self.read(arguments, "--trust-domain", "a trust domain") { TrustDomain($0) }
            workloadLifetime = try Self.read(arguments, "--workload-lifetime", "a duration from 1m to 30d") { text in
                DurationText.parseLifetime(text).flatMap { CertificateLifetime.workloadRange.contains($0) ? $0 : nil }
            }
            hosts = arguments.list("--address") ?? []
            func port(_ name: String, _ standard: UInt16) throws(Problem) -> Port? {
                guard let text = arguments.value(name) else { return Port(standard) }
                guard let number = UInt16(text) else {
                    throw Problem(.badValue, at: name, "`\(text)` is not a port")
                }
                return number == 0 ? nil : Port(number)
            }
            ports.api = try port("--api-port", 15010)
            ports.proxies = try port("--proxy-port", 15012)
            ports.join = try port("--join-port", 15013)
            ports.metrics = try port("--metrics-port", 15014)
            if let address = arguments.value("--listen") { ports.address = address }
            if let address = arguments.value("--api-listen") { ports.apiAddress = address }
            let endpoints = arguments.list("--etcd") ?? []
            guard !endpoints.isEmpty else { return }
            var settings = EtcdSettings(endpoints: endpoints)
            if let prefix = arguments.value("--etcd-prefix") { settings.prefix = prefix }
            let files = ["--etcd-ca", "--etcd-cert", "--etcd-key"].map { arguments.value($0) }
            if files.contains(where: { $0 != nil }) {
                settings.tls = EtcdSettings.TLS(authorities: files[0], certificate: files[1], key: files[2])
            }
            etcd = settings
        }

        private static func read<Value>(
            _ arguments: Arguments, _ name: String, _ expected: String, _ convert: (String) -> Value?
        ) throws(Problem) -> Value? {
            guard let text = arguments.value(name) else { return nil }
            guard let value = convert(text) else { throw Problem(.badValue, at: name, "`\(text)` is not \(expected)") }
            return value
        }

        /// Where a port is found by others.
        func addresses(_ port: Port?) -> [String] {
            guard let port else { return [] }
            let all = hosts.isEmpty ? Self.ownAddresses : hosts
            return all.map { $0.contains(":") && !$0.hasPrefix("[") ? "[\($0)]:\(port)" : "\($0):\(port)" }
        }

        /// Where nobody said: every address of this host that others can reach.
        private static var ownAddresses: [String] {
            let all = ((try? OwnAddresses.all()) ?? []).filter { !$0.isLoopback && !$0.isLinkLocal }
            return all.isEmpty ? ["127.0.0.1"] : all.map(\.description).sorted()
        }
    }
}

/// One line for each event, `time level message key=value`, on standard output.
private struct LineLogHandler: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var line = "\(WallTime.now()) \(event.level.rawValue) \(event.message)"
        for (key, value) in metadata.merging(event.metadata ?? [:], uniquingKeysWith: { $1 }).sorted(by: {
            $0.key < $1.key
        }) {
            line += " \(key)=\(value)"
        }
        StandardStream.output.write(line.printable + "\n")
    }
}
