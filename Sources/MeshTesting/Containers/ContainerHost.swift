// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Glibc
import Synchronization
package import Testing

/// Runs the containers of one test with runc, in the network namespaces of its lab.
package final class ContainerHost: Sendable {
    /// The host of the running test.
    @TaskLocal package static var current: ContainerHost?

    package let images: WeftImages
    /// What runc knows of its containers.
    private let state: String
    /// Configurations and outputs; with the lab's logs, so that they stay when a test fails.
    private let directory: String
    private let names = Mutex<[String]>([])
    private let count = Atomic<Int>(0)

    /// The host of the running test, which must have the trait `.containers`.
    package static var here: ContainerHost {
        get throws {
            guard let current else { throw DidNotHappen("this test has no containers; give it the trait .containers") }
            return current
        }
    }

    init(_ images: WeftImages, state: String, directory: String) throws {
        self.images = images
        self.state = state
        self.directory = directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    /// Runs runc. It must see the machine's control groups, so never inside a namespace of the lab.
    func runc(_ words: [String], log: String? = nil) throws -> RunningProgram {
        let log = log ?? "runc-\(count.add(1, ordering: .relaxed).newValue)"
        return try RunningProgram(["runc", "--root", state] + words, log: "\(directory)/\(log)")
    }

    /// Starts a container in the network of a pod and leaves it running.
    package func start(_ spec: ContainerSpec, in pod: Pod, named label: String) async throws -> Container {
        let name = "\(pod.namespace)-\(label)-\(count.add(1, ordering: .relaxed).newValue)"
        let bundle = "\(directory)/\(name)"
        try FileManager.default.createDirectory(atPath: bundle, withIntermediateDirectories: true)
        try spec.configuration(networkNamespace: pod.path).write(to: URL(fileURLWithPath: "\(bundle)/config.json"))
        names.withLock { $0.append(name) }
        let program = try runc(["run", "--bundle", bundle, "--pid-file", "\(bundle)/pid", name], log: name)
        let process = try await eventually("the container \(name)") { () -> Int32? in
            if let number = (try? String(contentsOfFile: "\(bundle)/pid", encoding: .utf8)).flatMap({ Int32($0) }) {
                return number
            }
            guard !program.isRunning else { return nil }
            throw DidNotHappen("the container \(name) was not made: \(try await program.result())")
        }
        return Container(name, self, program, processIdentifier: process)
    }

    /// Runs a container to its end.
    package func run(_ spec: ContainerSpec, in pod: Pod, named label: String) async throws -> ProgramResult {
        try await start(spec, in: pod, named: label).result()
    }

    func tearDown() async {
        for name in names.withLock({ $0 }).reversed() {
            _ = try? await runc(["delete", "--force", name]).result()
        }
    }
}

/// What containers need of this machine, made once for a run of the tests.
private enum ContainerSupport {
    static let directory = "\(NSTemporaryDirectory())weft\(getpid())-containers"
    static let stateDirectory = "\(directory)/state"
    private static let preparation = Task { try await prepare() }

    static func images() async throws -> WeftImages { try await preparation.value }

    private static func prepare() async throws -> WeftImages {
        await removeLeftOvers()
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(atPath: ContainerSupport.directory) }
        let images = try await WeftImages.make(in: directory)
        // The smallest container that there is, to tell a machine that cannot from a program that does not.
        let lab = try await NetworkLab()
        do {
            let host = try ContainerHost(images, state: stateDirectory, directory: "\(directory)/trial")
            let spec = ContainerSpec(images.proxy, ["/weft-proxy", "--version"], user: 2102)
            let result = try await host.run(spec, in: lab.outside, named: "trial")
            await host.tearDown()
            guard result.succeeded else { throw DidNotHappen("\(result)") }
        } catch {
            await lab.tearDown(keepLogs: false)
            throw error
        }
        await lab.tearDown(keepLogs: false)
        return images
    }

    /// Containers and files of runs that were killed: their names hold the number of a process that is no more.
    private static func removeLeftOvers() async {
        let parent = NSTemporaryDirectory()
        for name in (try? FileManager.default.contentsOfDirectory(atPath: parent)) ?? [] {
            guard name.hasPrefix("weft"), name.hasSuffix("-containers"),
                let owner = Int32(name.dropFirst(4).prefix { $0.isNumber }), kill(owner, 0) < 0, errno == ESRCH
            else { continue }
            let state = "\(parent)\(name)/state"
            for container in (try? FileManager.default.contentsOfDirectory(atPath: state)) ?? [] {
                let words = ["runc", "--root", state, "delete", "--force", container]
                _ = try? await RunningProgram(words, log: "\(parent)\(name)/cleaning").result()
            }
            try? FileManager.default.removeItem(atPath: "\(parent)\(name)")
        }
    }
}

/// Gives each test a ``ContainerHost``; stands after `.networkLab`.
package struct ContainerTrait: TestTrait, SuiteTrait, TestScoping {
    package var isRecursive: Bool { true }

    @concurrent
    package func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        let images: WeftImages
        do {
            images = try await ContainerSupport.images()
        } catch {
            Issue.record(
                """
                This machine cannot run containers, and these tests are not left out unasked; WEFT_SKIP_CONTAINERS=1 \
                leaves them out. What failed: \(error)
                """)
            return
        }
        let host = try ContainerHost(
            images, state: ContainerSupport.stateDirectory, directory: NetworkLab.here.directory() + "/containers")
        do {
            try await ContainerHost.$current.withValue(host) { try await function() }
        } catch {
            await host.tearDown()
            throw error
        }
        await host.tearDown()
    }
}

extension Trait where Self == ContainerTrait {
    /// Containers for each test: `ContainerHost.here`.
    package static var containers: Self { ContainerTrait() }
}

extension Trait where Self == ConditionTrait {
    /// Leaves container tests out only where somebody asked for it, and says so.
    package static var unlessContainersAreSkipped: Self {
        .enabled(
            if: ProcessInfo.processInfo.environment["WEFT_SKIP_CONTAINERS"] != "1",
            "WEFT_SKIP_CONTAINERS=1 leaves the container tests out")
    }
}
