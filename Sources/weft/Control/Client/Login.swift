// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Bytes
import CertificateAuthority
import ControlAPI
import FoundationEssentials
import LinuxSystem
import MeshModel

/// What `weft login` keeps: where the control plane is, what proves it, and the token for it. The file is a key, 0600.
struct Login {
    let place: ControlPlace
    let trustDomain: TrustDomain
    /// The pinned roots in PEM.
    let bundle: String
    let token: String

    private static let byteLimit = 1 << 20

    /// `~/.config/weft/login.json`; nil where nobody knows whose home it would be.
    static var path: String? {
        let environment = ProcessInfo.processInfo.environment
        if let configuration = environment["XDG_CONFIG_HOME"], configuration.hasPrefix("/") {
            return "\(configuration)/weft/login.json"
        }
        return environment["HOME"].flatMap { $0.isEmpty ? nil : "\($0)/.config/weft/login.json" }
    }

    /// Nil where nobody has logged in.
    static func current() throws(Problem) -> Login? {
        guard let path, Files.exists(path) else { return nil }
        let read: (bytes: [UInt8], facts: FileFacts)
        do throws(SystemError) { read = try Files.read(path, limit: byteLimit) } catch {
            throw Problem(.loginFile, at: path, "cannot be read: \(error.errno)")
        }
        guard read.facts.permissions & 0o077 == 0 else {
            throw Problem(
                .loginFile, at: path,
                "has mode \(String(read.facts.permissions, radix: 8)), so that others can read it",
                remedy: "`chmod 600 \(path)`, and make a new token if somebody may have read this one")
        }
        do throws(Problem) {
            let reader = try MessageReader(read.bytes)
            return Login(
                place: try reader.value("control", "an address such as https://host:15010") { ControlPlace($0) },
                trustDomain: try reader.value("trustDomain", "a trust domain") { TrustDomain($0) },
                bundle: try reader.text("bundle", atMost: ControlProtocol.pemBytes), token: try reader.text("token"))
        } catch {
            throw Problem(.loginFile, at: path, error.description, remedy: "`weft login` writes it anew")
        }
    }

    func save() throws(Problem) -> String {
        guard let path = Self.path else {
            throw Problem(.loginFile, at: "HOME", "is not set", remedy: "set it, or XDG_CONFIG_HOME")
        }
        var json = JSONWriter()
        json.object { json in
            json.field("control", place.description)
            json.field("trustDomain", trustDomain.name)
            json.field("bundle", bundle)
            json.field("token", token)
        }
        json.newline()
        do throws(SystemError) {
            try Files.makeDirectories(Files.directory(of: path))
            let new = "\(path).new"
            if Files.exists(new) { try Files.remove(new) }
            try Files.create(new, permissions: 0o600, json.bytes)
            try Files.rename(new, to: path)
        } catch {
            throw Problem(.loginFile, at: path, "cannot be written: \(error.errno)")
        }
        return path
    }

    /// False where there was none.
    static func forget() throws(Problem) -> Bool {
        guard let path, Files.exists(path) else { return false }
        do throws(SystemError) { try Files.remove(path) } catch {
            throw Problem(.loginFile, at: path, "cannot be removed: \(error.errno)")
        }
        return true
    }

    /// With all the roots that the control plane, once it is proved, says are valid: one that is to follow among them, so that a
    /// rotation does not end the login.
    func trusting(_ bundle: String) -> Login {
        guard let roots = SignedCertificate.all(inPEM: bundle), let pinned = SignedCertificate.all(inPEM: self.bundle),
            roots.allSatisfy({ $0.isAuthority && $0.trustDomain == trustDomain })
        else { return self }
        let all = pinned + roots.filter { !pinned.contains($0) }
        return Login(
            place: place, trustDomain: trustDomain, bundle: all.map(\.pem).joined(), token: token)
    }

    func client() throws(Problem) -> ControlClient {
        guard case .server(let host, let port) = place, let roots = SignedCertificate.all(inPEM: bundle) else {
            throw Problem(.loginFile, at: Self.path, "has no roots for \(place)", remedy: "`weft login` writes it anew")
        }
        return try ControlClient(host: host, port: port, trustDomain: trustDomain, roots: roots, token: token)
    }
}

extension Files {
    /// A directory with those above it, each 0700 where it is made.
    static func makeDirectories(_ path: String) throws(SystemError) {
        guard !exists(path) else { return }
        let above = directory(of: path)
        if above != path { try makeDirectories(above) }
        try makeDirectory(path, permissions: 0o700)
    }
}
