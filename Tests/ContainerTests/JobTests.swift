// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

extension Containers {
    /// A sidecar must not outlive the job that it stands beside.
    @Suite("Jobs")
    struct JobTests {
        @Test("`--until-pid` ends the sidecar with the application", arguments: [false, true])
        func untilProcess(_ usesScript: Bool) async throws {
            let pod = try await ContainerPod.make("job")[0]
            // What holds the process namespace of the pod, as the pause container does.
            let pause = try await pod.start("/bin/busybox", "sleep", "300")
            let job = try await pod.start(
                ["/bin/weft-proxy", "wait", "--ready", "--", "/bin/busybox", "sleep", "300"], processesOf: pause)
            let numbers = try job.status("NSpid") ?? ""
            let number = try #require(numbers.split(separator: "\t").last)
            let sidecar =
                usesScript
                ? try await pod.startSidecarByScript(["WEFT_UNTIL_PID": String(number)], processesOf: pause)
                : try await pod.startSidecar("--until-pid", String(number), processesOf: pause)
            let ready = try await pod.run("/bin/weft-proxy", "wait", "--ready", "--timeout", "20s")
            #expect(ready.succeeded, "\(ready)")
            #expect(sidecar.isRunning)

            try await job.send("KILL")
            let result = try await sidecar.result()
            #expect(result.succeeded && result.output.contains("the application has ended"), "\(result)")
        }

        @Test("`--until-pid` of nobody is refused")
        func untilNobody() async throws {
            let result = try await ContainerPod.make("job")[0].startSidecar("--until-pid", "4711").result()
            #expect(result.status == 2 && result.error.contains("--until-pid: process 4711"), "\(result)")
        }

        @Test(
            "`shutdown` at the admin socket ends the sidecar, for its own user and for root",
            arguments: [(ContainerPod.proxyUser, []), (0, ["DAC_OVERRIDE"])] as [(UInt32, [String])])
        func socket(_ user: UInt32, _ capabilities: [String]) async throws {
            let pod = try await ContainerPod.make("job", settings: "drain: {settle: 5m}")[0]
            let sidecar = try await pod.startReadySidecar()
            let others = try await pod.run("/bin/weft-proxy", "shutdown", "--socket", ContainerPod.adminSocket)
            #expect(others.status == 3 && others.error.contains("Permission denied"), "\(others)")
            #expect(sidecar.isRunning)

            let words = ["/bin/weft-proxy", "shutdown", "--socket", ContainerPod.adminSocket, "--wait"]
            let asked = try await pod.start(words, as: user, capabilities: capabilities).result()
            #expect(asked.succeeded, "\(asked)")
            let result = try await sidecar.result()
            #expect(result.succeeded && result.output.contains("settle=0s"), "\(result)")
            let again = try await pod.start(words, as: user, capabilities: capabilities).result()
            #expect(again.status == 3 && again.error.contains("WEFT6007"), "\(again)")
        }

        @Test("a job of another user ends its sidecar by the admin port, where there is one")
        func port() async throws {
            let pod = try await ContainerPod.make("job", settings: "admin: {port: 15000}")[0]
            let sidecar = try await pod.startReadySidecar()
            let job = try await pod.run(
                "/bin/busybox", "sh", "-c",
                "/bin/weft-proxy wait --ready && echo done && /bin/weft-proxy shutdown --port 15000 --wait")
            #expect(job.succeeded && job.output == "done\n", "\(job)")
            let result = try await sidecar.result()
            #expect(result.succeeded, "\(result)")
        }
    }
}
