// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ArgumentParser
import Bytes
import CertificateAuthority
import FoundationEssentials
import LinuxSystem
import MeshModel

/// `weft login`.
struct LoginCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "login",
        abstract: "Keep the address of a control plane, its root and a token for it.",
        discussion: """
            The token comes from `weft credential create`. The control plane is known by its root, never by first sight: \
            give the root's SHA-256, as `weft ca status` prints it, or a file with the root. Both are kept in \
            ~/.config/weft/login.json, which only you can read. Nothing is kept that the control plane does not take.

            EXAMPLE
              weft login https://control.example:15010 --root-digest 9f86d081... --token weftapi.1a2b...
              weft login https://control.example --bundle root.pem < token
            """)

    @Argument(
        help: ArgumentHelp("The control plane's API: https://HOST[:15010].", valueName: "address"),
        transform: Values.controlPlace)
    var address: ControlPlace

    @Option(help: ArgumentHelp("The token (default: the first line of standard input).", valueName: "token"))
    var token: String?

    @Option(
        help: ArgumentHelp("The SHA-256 of the mesh's root, in hexadecimal.", valueName: "digest"),
        transform: Values.digest)
    var rootDigest: String?

    @Option(help: ArgumentHelp("A file with the mesh's root, in PEM.", valueName: "file"), transform: Values.path)
    var bundle: String?

    @OptionGroup var output: Output

    func validate() throws {
        guard case .server = address else { throw ValidationError("A socket needs no login: use --control.") }
        guard (rootDigest == nil) != (bundle == nil) else {
            throw ValidationError("Say how the control plane is known: --root-digest or --bundle.")
        }
    }

    func run() async throws {
        try await output.reportAll("login") { () async throws(Problems) in
            let login: Login
            do throws(Problem) { login = try await makeLogin() } catch { throw Problems(error) }
            let client: ControlClient
            do throws(Problem) { client = try login.client() } catch { throw Problems(error) }
            do throws(Problems) {
                let info = try await client.get("/v1/info")
                await client.close()
                let path: String
                do throws(Problem) {
                    path = try login.trusting(info.text("bundle")).save()
                } catch {
                    throw Problems(error)
                }
                let text = """
                    logged in to \(login.place) of \(login.trustDomain) as \(info.text("principal")), who may \(info.text("role"))
                      kept in  \(path)
                    """
                return Output.Result(text: text) { json in
                    json.field("control", login.place.description)
                    json.field("trustDomain", login.trustDomain.name)
                    json.field("principal", info.text("principal"))
                    json.field("role", info.text("role"))
                    json.field("file", path)
                }
            } catch {
                await client.close()
                throw error
            }
        }
    }

    private func makeLogin() async throws(Problem) -> Login {
        guard case .server(let host, let port) = address else {
            throw Problem(.badValue, at: "address", "`\(address)` is no address of an API")
        }
        let pin: ServerProof.Pin
        if let bundle {
            pin = .roots(try PEMFile.certificates(bundle, .workload))
        } else {
            pin = .digest(rootDigest ?? "")
        }
        let proved = try await ServerProof.prove(host: host, port: port, by: pin)
        let token = if let token { token } else { try StandardInput.line("the token") }
        return Login(
            place: address, trustDomain: proved.trustDomain, bundle: proved.roots.map(\.pem).joined(),
            token: token)
    }
}

/// `weft logout`.
struct LogoutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logout",
        abstract: "Forget the control plane of `weft login`, and the token.",
        discussion: """
            The token itself goes on to hold; `weft credential delete` ends it.

            EXAMPLE
              weft logout
            """)

    @OptionGroup var output: Output

    func run() async throws {
        try await output.report("logout") { () async throws(Problem) in
            let wasThere = try Login.forget()
            return Output.Result(text: wasThere ? "logged out" : "nobody was logged in") { json in
                json.field("loggedOut", wasThere)
            }
        }
    }
}

/// What a secret is read from, so that it need not stand in the list of processes.
enum StandardInput {
    static func line(_ what: String) throws(Problem) -> String {
        let bytes: [UInt8]
        do throws(SystemError) { bytes = try Files.read("/dev/stdin", limit: 64 << 10).bytes } catch {
            throw Problem(.fileUnreadable, at: "standard input", "cannot be read: \(error.errno)")
        }
        let text = String(decoding: bytes, as: UTF8.self)
        guard let line = text.split(whereSeparator: \.isWhitespace).first else {
            throw Problem(.missingValue, at: "standard input", "has nothing in it", remedy: "it takes \(what)")
        }
        return String(line)
    }
}

extension Values {
    /// SHA-256, with or without colons.
    static func digest(_ text: String) throws -> String {
        try read(text, "a SHA-256 in hexadecimal") { text in
            let digits = text.lowercased().filter { $0 != ":" }
            return digits.utf8.count == 64 && digits.utf8.allSatisfy { Hexadecimal.value(of: $0) != nil } ? digits : nil
        }
    }
}
