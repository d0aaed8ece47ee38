// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CommandLine
internal import Identity
internal import LinuxSystem
internal import MeshModel
internal import ResourceDocuments
internal import TLSSession

/// The program `weft-proxy`: its commands and what they do.
package enum ProxyProgram {
    static let run = CommandSyntax(
        "run", "runs the sidecar until it is told to end",
        discussion: """
            Binds its listeners at once and holds connections until the identity is there. SIGTERM drains (a second one
            ends it now), SIGHUP reads configuration and identity again. Logs go to standard output.
            """,
        options: [
            .value("--config", "FILE", "the configuration file, shared with weft-init (required)"),
            .value("--until-pid", "PID", "end when this process has ended, for jobs"),
            .flag("--allow-root", "run although the user is root, for tries only"),
        ],
        examples: [
            "setpriv --reuid 2102 --regid 2102 --clear-groups weft-proxy run --config /etc/weft/web.yaml",
            "weft-proxy run --config web.yaml --until-pid 4711",
        ])

    static let check = CommandSyntax(
        "check", "reads a configuration and its identity, and says what is wrong with them",
        options: [.value("--config", "FILE", "the configuration file (required)")],
        examples: ["weft-proxy check --config /etc/weft/web.yaml"])

    private static let readinessOptions: [OptionSyntax] = [
        .value("--config", "FILE", "take the metrics port from this file"),
        .value("--port", "PORT", "the metrics port (15020)"),
    ]

    static let ready = CommandSyntax(
        "ready", "asks once whether the proxy of this namespace is ready, as a probe",
        options: readinessOptions, examples: ["weft-proxy ready", "weft-proxy ready --port 15020"])

    static let wait = CommandSyntax(
        "wait", "waits until the proxy of this namespace is ready; holds an application back",
        discussion: """
            With a command after `--` it becomes that command once the proxy is ready, so that an image without a shell
            can hold its application back; if the proxy does not become ready, the command is not run.
            """,
        options: [
            .flag("--ready", "wait for readiness (what else would one wait for; may be left out)"),
            .value("--timeout", "DURATION", "give up after this long (60s)"),
        ] + readinessOptions,
        trailing: "COMMAND [ARGUMENTS]",
        examples: [
            "weft-proxy wait --ready --timeout 30s && exec my-application",
            "weft-proxy wait --ready -- /usr/bin/my-application --port 8080",
        ])

    static let shutdown = CommandSyntax(
        "shutdown", "asks a proxy to end because its application has, for jobs",
        discussion: """
            The proxy drains without its settle time and exits 0. Asks at the admin socket, which only the proxy's own
            user and root may open, or at the admin port of loopback where the configuration has one.
            """,
        options: [
            .value("--config", "FILE", "take the admin socket and port from this file"),
            .value("--socket", "PATH", "the admin socket (/var/lib/weft/admin.sock)"),
            .value("--port", "PORT", "the admin port on loopback, `spec.admin.port`"),
            .flag("--wait", "wait until it has ended"),
            .value("--timeout", "DURATION", "with --wait: give up after this long (60s)"),
        ],
        examples: ["my-job; weft-proxy shutdown --wait", "weft-proxy shutdown --port 15000"])

    static let syntax = ProgramSyntax(
        "weft-proxy", "the sidecar of the Weft service mesh", commands: [run, check, ready, wait, shutdown],
        exitCodes: ProxyExitCode.allCases.map { ($0.rawValue, $0.meaning) })

    /// Runs the program with these arguments; the exit code.
    package static func main(_ arguments: [String]) -> Int32 {
        do throws(Problems) {
            switch try syntax.parse(arguments) {
            case .help(let text): StandardStream.output.write(text)
            case .version: StandardStream.output.write("weft-proxy \(WeftVersion.text)\n")
            case .run(let command, let arguments): return try perform(command, arguments).rawValue
            }
            return ProxyExitCode.done.rawValue
        } catch {
            StandardStream.error.write(error.description + "\n")
            return (error.isUsage ? ProxyExitCode.usage : .failed).rawValue
        }
    }

    private static func perform(_ command: CommandSyntax, _ arguments: Arguments) throws(Problems) -> ProxyExitCode {
        switch command.name {
        case run.name:
            var options = ProxyLaunch.Options(configurationPath: try path(arguments))
            options.allowsRoot = arguments.isGiven("--allow-root")
            options.untilProcess = try process(arguments)
            return try ProxyLaunch.run(options)
        case check.name: return try performCheck(path(arguments))
        case ready.name: return try ReadinessProbe.ask(port(arguments))
        case shutdown.name: return try shutdownRequest(arguments).perform()
        default: return try performWait(arguments)
        }
    }

    /// Waits, and then is the command that was held back.
    private static func performWait(_ arguments: Arguments) throws(Problems) -> ProxyExitCode {
        ThisProcess.endOnSignals()
        let code = try ReadinessProbe.wait(port(arguments), timeout: timeout(arguments))
        guard code == .done, !arguments.trailing.isEmpty else { return code }
        do throws(SystemError) {
            try ThisProcess.become(arguments.trailing)
        } catch {
            throw Problems(Problem(.programNotStarted, at: arguments.trailing[0], "cannot be run: \(error.errno)"))
        }
    }

    private static func performCheck(_ path: String) throws(Problems) -> ProxyExitCode {
        let file = try ConfigurationReader.read(path: path)
        var text = "\(path): the configuration is good\n"
        if let loader = file.identityLoader {
            do throws(Problem) {
                let material = try loader.load(continuing: nil, now: WallTime.now())
                let end = material.chain.first?.notAfter?.description ?? "?"
                text += "\(material.identity): the identity is good until \(end)\n"
            } catch {
                throw Problems(file.explained(error))
            }
        }
        StandardStream.output.write(text)
        return .done
    }

    // MARK: Reading values

    private static func path(_ arguments: Arguments) throws(Problems) -> String {
        guard let path = arguments.value("--config") else {
            throw Problems(Problem(.missingValue, at: "--config", "is missing", remedy: "give the configuration file"))
        }
        return path
    }

    private static func process(_ arguments: Arguments) throws(Problems) -> Int32? {
        guard let text = arguments.value("--until-pid") else { return nil }
        guard let number = Decimal.parse(text.utf8, atMost: UInt64(Int32.max)), number > 0 else {
            throw Problems(Problem(.badValue, at: "--until-pid", "`\(text)` is not a process id"))
        }
        return Int32(number)
    }

    private static func shutdownRequest(_ arguments: Arguments) throws(Problems) -> ShutdownRequest {
        var doors: [AdminClient.Door] = []
        if let path = arguments.value("--socket") { doors.append(.unix(path)) }
        if let port = try givenPort(arguments) { doors += loopback(port) }
        if let path = arguments.value("--config") {
            let proxy = try ConfigurationReader.read(path: path).proxy
            doors.append(.unix(proxy.adminSocketPath))
            if let port = proxy.admin.port { doors += loopback(port) }
        }
        if doors.isEmpty { doors = [.unix(ProxySettings.adminSocketPath())] }
        return ShutdownRequest(doors: doors, patience: arguments.isGiven("--wait") ? try timeout(arguments) : nil)
    }

    /// Both loopback addresses: a host may have only one family.
    private static func loopback(_ port: Port) -> [AdminClient.Door] {
        ["127.0.0.1", "::1"].compactMap { IPAddress($0) }.map { .tcp(SocketAddress($0, port)) }
    }

    private static func givenPort(_ arguments: Arguments) throws(Problems) -> Port? {
        guard let text = arguments.value("--port") else { return nil }
        guard let port = Port(text) else {
            throw Problems(Problem(.badValue, at: "--port", "`\(text)` is not a port, 1 to 65535"))
        }
        return port
    }

    private static func port(_ arguments: Arguments) throws(Problems) -> Port {
        if let port = try givenPort(arguments) { return port }
        guard let path = arguments.value("--config") else { return ProxyPorts().metrics }
        return try ConfigurationReader.read(path: path).proxy.ports.metrics
    }

    private static func timeout(_ arguments: Arguments) throws(Problems) -> Duration {
        guard let text = arguments.value("--timeout") else { return .seconds(60) }
        guard let timeout = DurationText.parse(text) else {
            throw Problems(
                Problem(.badValue, at: "--timeout", "`\(text)` is not a duration such as 30s or 1m"))
        }
        return timeout
    }
}

extension Problems {
    /// True where the person who called us can mend it without looking at the system.
    fileprivate var isUsage: Bool { all.allSatisfy { (1000..<2000).contains($0.code.rawValue) } }
}
