// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import FoundationEssentials
import LinuxSystem
import MeshModel

/// The programs that `weft dev` runs, each found before anything is started.
struct DevPrograms {
    let weft: String
    let control: String
    let initStep: String
    let proxy: String
    let ip: String
    let setpriv: String
    let finder: String

    private let directories: [String]
    /// Nothing is inherited but where programs are looked for.
    let environment: [String: String]

    private static let systemDirectories = [
        "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin",
    ]

    init() throws(Problems) {
        var problems: [Problem] = []
        let own = Files.resolved("/proc/self/exe") ?? "/proc/self/exe"
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let directories = path.split(separator: ":").map(String.init) + Self.systemDirectories
        func find(_ name: String, in directories: [String], remedy: String) -> String {
            if let found = Self.find(name, in: directories) { return found }
            problems.append(Problem(.devProgramMissing, at: name, "is not there", remedy: remedy))
            return name
        }
        let beside = [Files.directory(of: own)] + directories
        func ours(_ name: String) -> String {
            find(name, in: beside, remedy: "put it beside \(own): `make build`, or `make install`")
        }
        func theirs(_ name: String, from package: String) -> String {
            find(name, in: directories, remedy: "install the package \(package)")
        }
        weft = own
        control = ours("weft-control")
        initStep = ours("weft-init")
        proxy = ours("weft-proxy")
        ip = theirs("ip", from: "iproute2")
        setpriv = theirs("setpriv", from: "util-linux")
        finder = theirs("find", from: "findutils")
        _ = theirs("iptables-restore", from: "iptables")
        self.directories = directories
        environment = ["PATH": directories.joined(separator: ":")]
        guard problems.isEmpty else { throw Problems(problems) }
    }

    /// A program that only some need.
    func find(_ name: String) -> String? { Self.find(name, in: directories) }

    private static func find(_ name: String, in directories: [String]) -> String? {
        directories.lazy.map { "\($0)/\(name)" }.first(where: isProgram)
    }

    private static func isProgram(_ path: String) -> Bool {
        guard path.hasPrefix("/"), let facts = try? Files.facts(path) else { return false }
        return facts.isRegular && facts.permissions & 0o111 != 0
    }

    // MARK: Running them

    private static let timeout: Duration = .seconds(30)

    /// Runs a program to its end, which must be a good one; what it has printed.
    @discardableResult
    func run(_ words: [String], input: String = "") throws(Problem) -> String {
        let result = try attempt(words, input: input)
        guard result.succeeded else {
            let said = (result.error + result.output).split(separator: "\n").suffix(4).joined(separator: "; ")
            throw Problem(
                .devStartFailed, at: Self.shown(words),
                result.ending == .timedOut ? "did not end within \(Self.timeout)" : "failed: \(said)")
        }
        return result.output
    }

    func attempt(_ words: [String], input: String = "") throws(Problem) -> ChildResult {
        do throws(SystemError) {
            return try ChildProcess.run(
                words[0], Array(words.dropFirst()), environment: environment, input: input, timeout: Self.timeout)
        } catch {
            throw Problem(.devStartFailed, at: Self.shown(words), "cannot be started: \(error.errno)")
        }
    }

    /// Starts a program that goes on; nil for `log` is our own output.
    func start(_ words: [String], log: String?) throws(Problem) {
        do throws(SystemError) {
            _ = try BesideProcess.start(words[0], Array(words.dropFirst()), environment: environment, log: log)
        } catch {
            throw Problem(.devStartFailed, at: Self.shown(words), "cannot be started: \(error.errno)")
        }
    }

    /// The words that run a program in a namespace.
    func inside(_ namespace: String, _ words: [String]) -> [String] { [ip, "netns", "exec", namespace] + words }

    /// The same as another user, without any right.
    func inside(_ namespace: String, as user: UInt32, _ words: [String]) -> [String] {
        inside(
            namespace,
            [setpriv, "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "--inh-caps=-all"] + words)
    }

    /// The last word of a path says enough.
    private static func shown(_ words: [String]) -> String {
        words.map { $0.split(separator: "/").last.map(String.init) ?? $0 }.prefix(6).joined(separator: " ")
    }
}
