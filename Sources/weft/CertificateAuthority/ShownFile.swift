// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import CertificateAuthority
import LinuxSystem
import MeshModel

/// One file as `weft ca show` tells of it.
struct ShownFile {
    enum Content {
        case certificates([CertificateFacts])
        /// The identifier of a private key's public half.
        case key(String)
        /// The identifier of the key that a signing request asks a certificate for.
        case request(String)
    }

    let path: String
    let permissions: UInt32
    let content: Content

    private static let names = [
        AuthorityDirectory.rootName, AuthorityDirectory.intermediateName, AuthorityDirectory.intermediateKeyName,
        AuthorityDirectory.rootKeyName, IdentityDirectory.chainName, IdentityDirectory.keyName,
        IdentityDirectory.bundleName,
    ]

    /// The path itself, or the files of ours that a directory has.
    static func files(at path: String) throws(Problem) -> [String] {
        guard let facts = try? Files.facts(path), facts.isDirectory else { return [path] }
        let files = names.map { "\(path)/\($0)" }.filter(Files.exists)
        guard !files.isEmpty else {
            throw Problem(.authorityUnreadable, at: path, "it has none of \(names.joined(separator: ", "))")
        }
        return files
    }

    static func read(_ path: String) throws(Problem) -> ShownFile {
        let text = try PEMFile.text(path, .workload)
        let permissions = (try? Files.facts(path).permissions) ?? 0
        func file(_ content: Content) -> ShownFile {
            ShownFile(path: path, permissions: permissions, content: content)
        }
        func identifier(_ key: PublicKey) -> String { Hexadecimal.text(of: key.identifier) }
        if text.contains("PRIVATE KEY-----") {
            return file(.key(identifier(try PEMFile.key(path, .workload).publicKey)))
        }
        if text.contains("CERTIFICATE REQUEST-----") {
            do throws(Problem) {
                return file(.request(identifier(try CertificateRequest(pem: text).publicKey)))
            } catch {
                throw Problem(error.code, at: path, error.message, remedy: error.remedy)
            }
        }
        return file(.certificates(try PEMFile.certificates(path, .workload).map(CertificateFacts.init)))
    }

    func warnings(at now: WallTime) -> [Problem] {
        switch content {
        case .certificates(let all): all.compactMap { $0.warning(at: now, place: path) }
        case .key where permissions & 0o137 != 0:
            [Problem(.identityPermissions, at: path, "others than its owner may use this key", remedy: "chmod 600")]
        case .key, .request: []
        }
    }

    /// The file among `all` whose first certificate is for this key.
    private func owner(of key: String, among all: [ShownFile]) -> String? {
        all.first { file in
            if case .certificates(let certificates) = file.content {
                certificates.first?.keyIdentifier == key
            } else {
                false
            }
        }?.path
    }

    func text(among all: [ShownFile], now: WallTime) -> String {
        switch content {
        case .certificates(let certificates):
            return "\(path)\n" + certificates.map { Self.text($0, now) }.joined(separator: "\n")
        case .key(let key):
            let owner = owner(of: key, among: all).map { "belongs to \($0)" } ?? "belongs to none of these files"
            return "\(path)\n  private key, mode 0\(String(permissions, radix: 8)), \(owner)\n    key      \(key)"
        case .request(let key):
            return "\(path)\n  signing request\n    key      \(key)"
        }
    }

    private static func text(_ facts: CertificateFacts, _ now: WallTime) -> String {
        let left = facts.validity.notAfter.seconds - now.seconds
        let span = DurationText.lifetimeText(.seconds(abs(left)))
        // Quoted: the names of a certificate are whatever its maker wrote.
        let names = facts.names.isEmpty ? "no URI name" : facts.names.map(\.debugDescription).joined(separator: ", ")
        return """
              \(facts.role.rawValue) \(names), \(facts.byteCount) bytes
                from     \(facts.validity.notBefore)
                until    \(facts.validity.notAfter), \(left < 0 ? "EXPIRED \(span) ago" : "in \(span)")
                key      \(facts.keyIdentifier ?? "not on P-256")
                serial   \(facts.serialNumber)
                sha256   \(facts.fingerprint)
            """
    }

    func write(into json: inout JSONWriter, among all: [ShownFile], now: WallTime) {
        json.field("path", path)
        switch content {
        case .certificates(let certificates):
            json.field("kind", "certificates")
            json.key("certificates")
            json.array(certificates) { json, facts in
                json.object { $0.fields(facts, now: now) }
            }
        case .key(let key):
            json.field("kind", "private key")
            json.field("keyIdentifier", key)
            json.field("mode", "0" + String(permissions, radix: 8))
            json.field("belongsTo", ifPresent: owner(of: key, among: all))
        case .request(let key):
            json.field("kind", "signing request")
            json.field("keyIdentifier", key)
        }
    }
}
