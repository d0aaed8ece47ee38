// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import Synchronization

/// A real `weft-control` in a pod of its own; what it keeps lies beside the lab's other files and outlives it.
///
///     let control = try await ControlReplica("control", in: lab)
///     try await control.start()
///     try await control.apply("kind: Service …")
package final class ControlReplica: Sendable {
    package static let trustDomain = "mesh.example"

    package let pod: Pod
    package let directory: String
    private let options: [String]
    private let variables: [String: String]
    private let running = Mutex<RunningProgram?>(nil)

    /// `options` are more words for its command line, such as `--etcd URL`, `variables` more of its environment.
    package init(
        _ name: String, in lab: NetworkLab, _ options: [String] = [], variables: [String: String] = [:]
    ) async throws {
        pod = try await lab.pod(name)
        directory = "\(try lab.directory())/data-\(name)"
        self.options = options
        self.variables = variables
    }

    package var name: String { pod.name }
    /// Where proxies find it.
    package var address: String { "\(pod.address4):15012" }
    package var joinAddress: String { "\(pod.address4):15013" }
    package var socket: String { "\(directory)/control.sock" }

    /// The process that runs, or ran last.
    package var program: RunningProgram {
        guard let program = running.withLock({ $0 }) else { preconditionFailure("\(name) was not started.") }
        return program
    }

    // MARK: Its life

    /// Starts it, and does not wait.
    package func launch() throws {
        // What a killed one has left would be taken for that of the new one.
        try? FileManager.default.removeItem(atPath: socket)
        let words =
            [
                "weft-control", "run", "--data", directory, "--trust-domain", Self.trustDomain, "--name", name,
                "--address", pod.address4,
            ] + options
        let environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
        let program = try pod.start(words, environment: environment)
        running.withLock { $0 = program }
    }

    package func start() async throws {
        try launch()
        try await ready()
    }

    /// Waits until it answers on the administrator's socket and takes proxies.
    package func ready() async throws {
        do {
            try await eventually("the control plane \(name) answers") { () async throws -> Bool? in
                if !program.isRunning { throw DidNotHappen("it has ended") }
                guard try await ask("/v1/info").status == 200 else { return nil }
                return try await pod.curl("http://\(pod.address4):15014/ready").status == 200 ? true : nil
            }
        } catch {
            throw DidNotHappen("\(error)\n--- output\n\(program.output)\n--- error\n\(program.error)")
        }
    }

    package func kill() async throws { try await program.stop(SIGKILL) }

    // MARK: Its API, as the local administrator

    /// GET, or POST where there is a body.
    package func ask(_ path: String, _ body: String? = nil, _ more: String...) async throws -> CurlResult {
        let data = body.map { ["--data-binary", $0] } ?? []
        return try await pod.curl(["--unix-socket", socket, "http://weft\(path)"] + data + more, as: nil)
    }

    /// The same, where it must go well.
    @discardableResult
    package func must(_ path: String, _ body: String? = nil, _ more: String...) async throws -> ControlAnswer {
        let data = body.map { ["--data-binary", $0] } ?? []
        let result = try await pod.curl(["--unix-socket", socket, "http://weft\(path)"] + data + more, as: nil)
        guard (200...299).contains(result.status) else { throw DidNotHappen("\(name) \(path): \(result)") }
        return try ControlAnswer(result.body)
    }

    /// Writes documents; the revision that holds then.
    @discardableResult
    package func apply(_ documents: String) async throws -> Int {
        try await must("/v1/apply", documents)["revision"].number
    }

    package func token(for service: String, ttl: String = "1h") async throws -> String {
        try await must("/v1/tokens", #"{"service":"\#(service)","ttl":"\#(ttl)"}"#)["token"].text
    }

    package func revision() async throws -> Int { try await must("/v1/info")["revision"].number }

    package func progress(of revision: Int) async throws -> ControlAnswer {
        try await must("/v1/revisions/\(revision)/progress")
    }

    /// Resident memory, in KiB.
    package var residentKiB: Int {
        get throws {
            let text = try String(contentsOfFile: "/proc/\(program.identifier)/status", encoding: .utf8)
            let line = text.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
            guard let value = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
                throw DidNotHappen("\(name) has no memory: \(text)")
            }
            return value
        }
    }
}

/// What the API answers. A field that is not there is empty, which the test then says.
package struct ControlAnswer: CustomStringConvertible {
    private let value: Any

    package init(_ json: String) throws {
        value = json.isEmpty ? [:] : try JSONSerialization.jsonObject(with: Data(json.utf8), options: .fragmentsAllowed)
    }

    private init(value: Any) { self.value = value }

    package subscript(_ name: String) -> ControlAnswer {
        ControlAnswer(value: (value as? [String: Any])?[name] ?? NSNull())
    }

    package var text: String { value as? String ?? "" }
    package var number: Int { (value as? NSNumber)?.intValue ?? -1 }
    package var truth: Bool { value as? Bool ?? false }
    package var list: [ControlAnswer] { (value as? [Any] ?? []).map { ControlAnswer(value: $0) } }
    package var description: String { "\(value)" }
}
