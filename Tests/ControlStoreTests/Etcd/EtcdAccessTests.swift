// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlStore
import Foundation
import MeshModel
import MeshTesting
import Testing

@Suite("Access to etcd", .serialized)
struct EtcdAccessTests {
    /// An authority, a server's certificate for 127.0.0.1, and a client's without a common name.
    private struct Certificates {
        let directory: TestDirectory
        var authority: String { directory("authority.pem") }

        init() throws {
            directory = try TestDirectory()
            try Data("[server]\nsubjectAltName=IP:127.0.0.1\n[client]\nextendedKeyUsage=clientAuth\n".utf8)
                .write(to: URL(filePath: directory("extensions")))
            try openssl(
                ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=test"]
                    + ["-days", "2", "-keyout", directory("authority-key.pem"), "-out", authority])
            for name in ["server", "client"] {
                // A common name beside a client's certificate is what etcd refuses when users are on.
                let subject = name == "server" ? "/CN=etcd" : "/O=Weft"
                try openssl(
                    ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject]
                        + ["-keyout", directory("\(name)-key.pem"), "-out", directory("\(name).csr")])
                try openssl(
                    [
                        "x509", "-req", "-in", directory("\(name).csr"), "-CA", authority, "-CAkey",
                        directory("authority-key.pem"),
                    ]
                        + ["-CAcreateserial", "-days", "2", "-extfile", directory("extensions"), "-extensions", name]
                        + ["-out", directory("\(name).pem")])
            }
        }

        private func openssl(_ words: [String]) throws {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/openssl")
            process.arguments = words
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0, "openssl \(words.joined(separator: " "))")
        }

        var serverOptions: [String] {
            ["--cert-file", directory("server.pem"), "--key-file", directory("server-key.pem")]
                + ["--trusted-ca-file", authority, "--client-cert-auth"]
        }

        var client: EtcdSettings.TLS {
            EtcdSettings.TLS(
                authorities: authority, certificate: directory("client.pem"), key: directory("client-key.pem"))
        }
    }

    private func store(_ member: EtcdMember, _ change: (inout EtcdSettings) -> Void) throws -> EtcdStore {
        var settings = EtcdSettings(endpoints: member.endpoints)
        settings.callTimeout = .seconds(5)
        settings.watchRenewal = .milliseconds(500)
        change(&settings)
        return try EtcdStore(settings)
    }

    /// A user who may use what is below `/weft/`, and authentication on. `options` are curl's.
    private func makeUsers(_ member: EtcdMember, _ options: [String] = []) async throws {
        let directory = try TestDirectory()
        func encoded(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
        let permission = """
            {"permType":"READWRITE","key":"\(encoded("/weft/"))","range_end":"\(encoded("/weft0"))"}
            """
        for (path, body) in [
            ("user/add", #"{"name":"root","password":"secret"}"#),
            ("user/grant", #"{"user":"root","role":"root"}"#),
            ("role/add", #"{"name":"weft"}"#),
            ("role/grant", #"{"name":"weft","perm":\#(permission)}"#),
            ("user/add", #"{"name":"weft","password":"woven"}"#),
            ("user/grant", #"{"user":"weft","role":"weft"}"#),
            ("enable", "{}"),
        ] {
            let command =
                ["curl", "-sS", "--fail", "-m", "10", "-d", body, "\(member.endpoint)/v3/auth/\(path)"] + options
            let result = try await RunningProgram(command, log: directory("curl")).result()
            try #require(result.succeeded, "\(path): \(result)")
        }
    }

    @Test("user and password: the token is fetched, and fetched again when it has expired")
    func users() async throws {
        let member = try EtcdMember(options: ["--auth-token-ttl", "1"])
        try await member.start()
        try await makeUsers(member)
        // Nothing but the lease's end interrupts the silence, in which the token expires.
        let good = try store(member) {
            $0.user = .init(name: "weft", password: "woven")
            $0.watchRenewal = .seconds(15)
        }
        let first = try await good.put("a", "1")
        let watching = Task { try await good.batches(3, prefix: "", from: first) }
        let lease = try await good.grantLease(timeToLive: .seconds(3))
        try await good.put("b", "1", lease: lease)
        let told = try await within { try await watching.value }
        #expect(told.map { $0.events.map(\.text) } == [["+a=1"], ["+b=1"], ["-b"]])
        #expect(try await good.text("a") == "1")
        #expect(try await good.put("a", "2") > first)

        for (name, password) in [("weft", "wrong"), ("nobody", "woven")] {
            let bad = try store(member) { $0.user = .init(name: name, password: password) }
            #expect(await storeError { _ = try await bad.get("a") }?.problem.code == .storeDenied)
            await bad.close()
        }
        let anonymous = try store(member) { _ in }
        let refused = await storeError { _ = try await anonymous.get("a") }
        #expect(refused?.problem.code == .storeDenied, "\(String(describing: refused))")
        let elsewhere = try store(member) {
            $0.user = .init(name: "weft", password: "woven")
            $0.prefix = "/other/"
        }
        #expect(await storeError { _ = try await elsewhere.put("a", "1") }?.problem.code == .storeDenied)
        let watch = await storeError { _ = try await within { try await elsewhere.batches(1, prefix: "", from: 1) } }
        #expect(watch?.problem.code == .storeDenied, "\(String(describing: watch))")
        for store in [good, anonymous, elsewhere] { await store.close() }
    }

    @Test("TLS both ways; an unknown authority and a missing certificate are told as such")
    func tls() async throws {
        let certificates = try Certificates()
        let member = try EtcdMember(scheme: "https", options: certificates.serverOptions)
        try await member.start()
        let good = try store(member) { $0.tls = certificates.client }
        let first = try await good.put("a", "1")
        #expect(try await within { try await good.batches(1, prefix: "a", from: first) }.count == 1)
        await good.close()

        for tls in [nil, EtcdSettings.TLS(authorities: certificates.authority)] {
            let bad = try store(member) {
                $0.tls = tls
                $0.callTimeout = .seconds(1)
            }
            let error = await storeError { _ = try await bad.get("a") }
            #expect(error?.problem.code == .storeUnavailable)
            // Of use to whoever has to find the reason.
            #expect(error?.problem.message.lowercased().contains("certificate") == true, "\(String(describing: error))")
            await bad.close()
        }
    }

    @Test("a certificate without a common name goes together with a user")
    func both() async throws {
        let certificates = try Certificates()
        let member = try EtcdMember(scheme: "https", options: certificates.serverOptions)
        try await member.start()
        let options = [
            "--cacert", certificates.authority, "--cert", certificates.directory("client.pem"),
            "--key", certificates.directory("client-key.pem"),
        ]
        try await makeUsers(member, options)
        let good = try store(member) {
            $0.tls = certificates.client
            $0.user = .init(name: "weft", password: "woven")
        }
        try await good.put("a", "1")
        #expect(try await good.text("a") == "1")
        await good.close()
    }
}
