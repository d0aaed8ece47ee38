// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import AsyncHTTPClient
import Bytes
import CertificateAuthority
import ControlAPI
import MeshModel
import NIOCore
import NIOHTTP1
import NIOSSL
import ResourceDocuments

/// A client of the control plane's API: over the administrator's socket, or over TLS with a token. Every call has an end.
///
/// Over TLS the server has to show a chain to a root that was pinned, and the name `control.<trust domain>`, whatever the
/// host is called that was connected to. No workload's certificate has a DNS name.
final class ControlClient: Sendable {
    let place: ControlPlace
    private let http: HTTPClient
    private let base: String
    private let token: String?
    private let roots: [SignedCertificate]

    private static let connectTimeout: TimeAmount = .seconds(5)
    /// Of one call: the control plane waits at most ten seconds for its store.
    private static let callTimeout: TimeAmount = .seconds(30)
    /// As much as our reader takes.
    private static let answerBytes = 16 << 20

    /// Over the administrator's socket.
    init(socket path: String) {
        place = .socket(path)
        base = "http+unix://\(path.percentEncoded)"
        token = nil
        roots = []
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: Self.configuration)
    }

    /// Over TLS. `roots` are those that are pinned, all of one trust domain.
    init(host: String, port: Int, trustDomain: TrustDomain, roots: [SignedCertificate], token: String?) throws(Problem)
    {
        place = .server(host: host, port: port)
        let name = ControlIdentity.hostName(in: trustDomain)
        base = "https://\(name):\(port)"
        self.token = token
        self.roots = roots
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv13
        do {
            tls.trustRoots = .certificates(try roots.map { try NIOSSLCertificate(bytes: $0.der, format: .der) })
        } catch {
            throw Problem(.identityMalformed, "the pinned roots cannot be used: \(error)")
        }
        var configuration = Self.configuration
        configuration.tlsConfiguration = tls
        // The connection goes to the host, and is held to the name.
        configuration.dnsOverride = [name: host]
        http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    private static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = connectTimeout
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    func close() async { try? await http.shutdown() }

    // MARK: Calls

    func get(_ path: String, query: [(name: String, value: String?)] = []) async throws(Problems) -> Node {
        try answer(try await call(.GET, path, query, nil))
    }

    /// What is answered in another form than JSON.
    func text(_ path: String) async throws(Problems) -> String {
        String(decoding: try await call(.GET, path, [], nil), as: UTF8.self)
    }

    /// Posts something and expects no answer.
    func put(
        _ path: String, query: [(name: String, value: String?)] = [], _ body: [UInt8] = [], type: String
    ) async throws(Problems) { _ = try await call(.POST, path, query, (body, type)) }

    /// Nothing is answered where nothing is to be said.
    @discardableResult
    func delete(_ path: String, query: [(name: String, value: String?)] = []) async throws(Problems) -> Node? {
        let bytes = try await call(.DELETE, path, query, nil)
        return bytes.isEmpty ? nil : try answer(bytes)
    }

    func post(
        _ path: String, query: [(name: String, value: String?)] = [], _ body: [UInt8] = [],
        type: String = "application/json"
    ) async throws(Problems) -> Node {
        try answer(try await call(.POST, path, query, (body, type)))
    }

    /// Posts an object of JSON; the answer may be empty.
    @discardableResult
    func post(_ path: String, _ fields: (inout JSONWriter) -> Void) async throws(Problems) -> Node? {
        var json = JSONWriter()
        json.object(fields)
        let bytes = try await call(.POST, path, [], (json.bytes, "application/json"))
        return bytes.isEmpty ? nil : try answer(bytes)
    }

    private func call(
        _ method: HTTPMethod, _ path: String, _ query: [(name: String, value: String?)],
        _ body: (bytes: [UInt8], type: String)?
    ) async throws(Problems) -> [UInt8] {
        let words = query.compactMap { name, value in value.map { "\(name)=\($0.percentEncoded)" } }
        var request = HTTPClientRequest(url: base + path + (words.isEmpty ? "" : "?" + words.joined(separator: "&")))
        request.method = method
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body {
            request.headers.add(name: "content-type", value: body.type)
            request.body = .bytes(ByteBuffer(bytes: body.bytes))
        }
        let place = place
        let patience = Task {
            try await Task.sleep(for: .seconds(1))
            Output.complain("waiting for \(place)")
        }
        defer { patience.cancel() }
        let status: HTTPResponseStatus
        let bytes: [UInt8]
        do {
            let response = try await http.execute(request, timeout: Self.callTimeout)
            status = response.status
            bytes = Array(try await response.body.collect(upTo: Self.answerBytes).readableBytesView)
        } catch {
            throw Problems(await problem(of: error))
        }
        guard (200..<300).contains(status.code) else { throw Self.problems(bytes, status) }
        return bytes
    }

    private func answer(_ bytes: [UInt8]) throws(Problems) -> Node {
        guard let node = (try? YAMLReader.documents(bytes, name: "answer"))?.first, case .mapping = node.content else {
            throw Problems(Problem(.controlAnswer, at: place.description, "does not answer in JSON"))
        }
        return node
    }

    // MARK: What went wrong

    /// What the API says is wrong, in its own words.
    private static func problems(_ bytes: [UInt8], _ status: HTTPResponseStatus) -> Problems {
        guard let answer = try? ProblemsAnswer.decode(bytes), !answer.all.isEmpty else {
            return Problems(Problem(.controlAnswer, "the answer is \(status.code) without a reason"))
        }
        return Problems(answer.all.map { Problem($0) })
    }

    /// What kept the call from being answered. A handshake that failed is looked into: why our rules refuse the chain says
    /// more than that the library did.
    private func problem(of error: any Error) async -> Problem {
        if case .server(let host, let port) = place, !(error is HTTPClientError), !(error is ChannelError) {
            do throws(Problem) {
                _ = try await ServerProof.prove(host: host, port: port, by: .roots(roots))
            } catch {
                return error
            }
        }
        return Problem(
            .apiUnreachable, at: place.description, "does not answer: \(TransportWords.of(error))", remedy: remedy)
    }

    private var remedy: String {
        switch place {
        case .socket:
            "start `weft-control`, run `weft` as the user of its socket, or name another with `--control` or `weft login`"
        case .server: "look whether `weft-control` runs there and its API port can be reached"
        }
    }
}

extension Problem {
    /// As the API has told it. A code that this version does not know stands in the message.
    init(_ item: ProblemsAnswer.Item) {
        let number = item.code.hasPrefix("WEFT") ? UInt16(item.code.dropFirst(4)) : nil
        if let code = number.flatMap({ ErrorCode(rawValue: $0) }) {
            self.init(code, at: item.place, item.message, remedy: item.remedy)
        } else {
            self.init(.controlAnswer, at: item.place, "\(item.code): \(item.message)", remedy: item.remedy)
        }
    }
}

extension String {
    /// Everything but what RFC 3986 section 2.3 leaves unreserved is written as `%XX`.
    var percentEncoded: String {
        var text = ""
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                text.unicodeScalars.append(Unicode.Scalar(byte))
            default: text += "%" + Hexadecimal.text(of: [byte])
            }
        }
        return text
    }
}
