// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import LinuxSystem
import MeshModel

/// `weft dev`.
struct DevCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Run a whole mesh on this machine, for a look and for trying things.",
        discussion: """
            A control plane, its certificate authority and services with sidecars, each in a network namespace of its own. \
            Nothing is changed on the machine itself, and at the end, by Ctrl-C, everything is taken down. What a run that \
            was killed has left behind, the next one removes.

            It needs root, or a user with subordinate ids (/etc/subuid) on a kernel that lets users make namespaces.

            EXAMPLE
              weft dev
              weft dev --services 4
              weft dev --check

            EXIT CODES
              0  ended as it was told to; with --check, everything held
              1  failed; the message begins with a code, WEFTnnnn
              2  the command line is wrong
            """)

    @Flag(help: "Try what the mesh promises, say what came of it, and end.")
    var check = false

    @Flag(help: "Leave everything running at the end; the next run, or --stop, takes it down.")
    var keep = false

    @Flag(help: "Take down what a run has left, and end.")
    var stop = false

    @Option(
        help: ArgumentHelp(
            "How many services, \(DevPlan.serviceCounts.lowerBound) to \(DevPlan.serviceCounts.upperBound).",
            valueName: "n"))
    var services = 2

    /// Where a run without root has made namespaces for itself, this is the process in them.
    @Flag(help: .hidden)
    var insideUserNamespace = false

    func validate() throws {
        guard DevPlan.serviceCounts.contains(services) else {
            let counts = DevPlan.serviceCounts
            throw ValidationError("--services takes \(counts.lowerBound) to \(counts.upperBound)")
        }
    }

    func run() async throws {
        do throws(Problems) {
            try await work()
        } catch {
            for problem in error.all { Output.complain("\(problem)") }
            throw ExitCode(1)
        }
    }

    private func work() async throws(Problems) {
        let programs = try DevPrograms()
        do throws(Problem) {
            if insideUserNamespace {
                try DevUserNamespace.prepare(programs)
            } else if !ThisProcess.isRoot {
                try DevUserNamespace.enter(programs)
            }
            ThisProcess.noteSignals()
            try await locked(programs)
        } catch {
            throw Problems(error)
        }
    }

    /// One at a time: the names are the same for all.
    private func locked(_ programs: DevPrograms) async throws(Problem) {
        try DevNetwork.make(directory: DevPlan.directory, permissions: 0o755)
        let lock: Descriptor
        do throws(SystemError) {
            lock = try Files.lockDirectory(DevPlan.directory)
        } catch {
            throw Self.running(OtherProcess.holdingLock(on: DevPlan.directory))
        }
        let network = DevNetwork(programs: programs)
        if try await network.remove() { DevMesh.tell("removed", "what a former run had left") }
        if !stop {
            do throws(Problem) {
                try await live(programs)
            } catch {
                if !keep { try? await takeDown(network) }
                throw error
            }
        }
        if keep, !stop {
            DevMesh.tell("kept", "`weft dev --stop` takes it down")
        } else {
            try await takeDown(network)
            DevMesh.tell("removed", "everything")
        }
        lock.unlock()
    }

    /// There is nothing to be had by a second one: whoever wants more services starts it anew.
    private static func running(_ other: OtherProcess?) -> Problem {
        let use = "use it, with `--control \(DevPlan.controlSocket)`"
        return Problem(
            .devRunning, at: DevPlan.directory,
            "another `weft dev` runs on this machine\(other.map { ": \($0)" } ?? "")",
            remedy: "\(use), or end it with \(other.map { "`kill \($0.number)`" } ?? "Ctrl-C")")
    }

    private func takeDown(_ network: DevNetwork) async throws(Problem) {
        try await network.remove()
        try? Files.removeDirectory(DevPlan.directory)
        // Of others there may be something in it.
        try? Files.removeDirectory("/etc/netns")
    }

    private func live(_ programs: DevPrograms) async throws(Problem) {
        let plan = DevPlan(services: services)
        let mesh = DevMesh(plan: plan, programs: programs, control: DevControl())
        let began = ContinuousClock.now
        do throws(Problem) {
            try await mesh.start()
            DevMesh.tell("ready", "after \((ContinuousClock.now - began).wholeMilliseconds) ms")
            if check {
                try await DevCheck(mesh: mesh).run()
            } else {
                try await DevTour(mesh: mesh, isInside: insideUserNamespace).run()
            }
            await mesh.control.close()
        } catch {
            await mesh.control.close()
            throw error
        }
    }
}
