// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import Identity
import LinuxSystem
import MeshModel
import TLSSession
import Testing

@Suite("The identity in the state directory")
struct IdentityDirectoryTests {
    private let path: String
    private let directory: IdentityDirectory

    init() throws {
        path = NSTemporaryDirectory() + "weft-identity-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        directory = IdentityDirectory(in: path)
    }

    private func chain() -> String? { try? String(contentsOfFile: directory.paths.chain, encoding: .utf8) }

    private func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }

    @Test("a set takes the place of another, readable by nobody else, with a key that can be read again")
    func replaced() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(!directory.exists)
        for chain in ["first", "second"] {
            let key = try PrivateKey.make()
            try directory.replace(chain: chain, key: key, bundle: "roots")
            #expect(self.chain() == chain)
            let (bytes, facts) = try Files.read(directory.paths.key, limit: 4096)
            #expect(facts.permissions & 0o777 == 0o600)
            #expect(PrivateKey.read(pem: bytes)?.isP256 == true)
            #expect(try names() == ["identity"])
        }
        try directory.replace(bundle: "other roots")
        #expect(try String(contentsOfFile: directory.paths.bundle, encoding: .utf8) == "other roots")
        #expect(chain() == "second")
    }

    @Test("a crash at any step leaves the old set or the new one", arguments: [0, 1, 2, 3])
    func crash(_ step: Int) throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try directory.replace(chain: "old", key: try PrivateKey.make(), bundle: "roots")
        let other = IdentityDirectory(in: "\(path)/other")
        try FileManager.default.createDirectory(atPath: "\(path)/other", withIntermediateDirectories: true)
        try other.replace(chain: "new", key: try PrivateKey.make(), bundle: "roots")
        try Files.rename("\(path)/other/identity", to: "\(path)/identity.new")
        try Files.removeDirectory("\(path)/other")
        // Half written; whole; the old one moved away; the new one in its place.
        if step == 0 { try Files.remove("\(path)/identity.new/key.pem") }
        if step >= 2 { try Files.rename("\(path)/identity", to: "\(path)/identity.old") }
        if step == 3 { try Files.rename("\(path)/identity.new", to: "\(path)/identity") }
        directory.recover()
        #expect(chain() == (step < 2 ? "old" : "new"))
        #expect(try names() == ["identity"])
    }

    @Test("a request says nothing but the key, and is signed by it")
    func request() throws {
        let request = try PrivateKey.make().certificateRequest()
        #expect(request.hasPrefix("-----BEGIN CERTIFICATE REQUEST-----\n"))
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = ["req", "-verify", "-noout", "-text"]
        let (input, output, error) = (Pipe(), Pipe(), Pipe())
        (process.standardInput, process.standardOutput, process.standardError) = (input, output, error)
        try process.run()
        input.fileHandleForWriting.write(Data(request.utf8))
        try input.fileHandleForWriting.close()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(text)")
        #expect(text.contains("Subject: \n") || text.contains("Subject:\n"), "\(text)")
        #expect(text.contains("P-256") && !text.contains("X509v3"), "\(text)")
    }
}
