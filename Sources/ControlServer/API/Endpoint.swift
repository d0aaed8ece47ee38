// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import Hummingbird
internal import MeshModel

/// One method and path of the API. The router and the OpenAPI document are both made of these, and so is what is refused
/// before an endpoint sees it: a query, a field or a body that it does not have would otherwise be passed over, and
/// `?dryrun=true` write.
struct Endpoint: Sendable {
    /// What may stand behind the question mark.
    struct Query: Sendable {
        enum Kind: Sendable {
            case text
            case flag
            case number
        }

        let name: String
        let kind: Kind
        let meaning: String

        static func text(_ name: String, _ meaning: String) -> Query {
            Query(name: name, kind: .text, meaning: meaning)
        }
        static func flag(_ name: String, _ meaning: String) -> Query {
            Query(name: name, kind: .flag, meaning: meaning)
        }
        static func number(_ name: String, _ meaning: String) -> Query {
            Query(name: name, kind: .number, meaning: meaning)
        }
    }

    enum Body: Sendable {
        case none
        /// A stream of YAML or JSON documents: resources.
        case documents
        case json(Schema)
        /// A certificate.
        case pem
    }

    enum Answered: Sendable {
        case nothing
        case json(Schema)
        case pem
    }

    let method: HTTPRequest.Method
    /// With `{name}` where a part is chosen by the caller.
    let path: String
    let role: Role
    let summary: String
    var query: [Query] = []
    var body = Body.none
    var bodyLimit = 1 << 20
    let answer: Answered
    let run: @Sendable (Call, Principal) async throws(Problems) -> Answer

    /// What a call takes: whoever may only look may also try.
    func role(for request: Request) -> Role {
        let isTrial =
            query.contains { $0.name == Self.trial }
            && request.uri.queryParameters.contains {
                $0.key == Self.trial && Call.flags[String($0.value)] == true
            }
        return isTrial ? .view : role
    }

    static let trial = "dryRun"

    // MARK: What a call may bring

    /// Throws what a call brings that there is no place for.
    func check(_ call: Call) throws(Problems) {
        do throws(Problem) {
            try checkQuery(call)
            try checkBody(call)
        } catch {
            throw Problems(error)
        }
    }

    private func checkQuery(_ call: Call) throws(Problem) {
        for (name, value) in call.request.uri.queryParameters {
            let (name, value) = (String(name), String(value))
            guard let known = query.first(where: { $0.name == name }) else {
                throw Self.unknown(name, at: "query", among: query.map(\.name))
            }
            switch known.kind {
            case .text: break
            case .flag:
                guard Call.flags[value] != nil else {
                    throw Problem(.badValue, at: name, "`\(value.prefix(40))` is neither true nor false")
                }
            case .number:
                guard UInt64(value) != nil else {
                    throw Problem(.badValue, at: name, "`\(value.prefix(40))` is not a number")
                }
            }
        }
    }

    private func checkBody(_ call: Call) throws(Problem) {
        guard !call.body.isEmpty else { return }
        if case .none = body {
            throw Problem(.badValue, at: "body", "this call takes no body", remedy: "leave it away")
        }
        // Parameters, such as a character set, say nothing here: everything is UTF-8.
        let type = (call.request.headers[.contentType] ?? "").prefix { $0 != ";" }
            .lowercased().filter { $0 != " " }
        let encoding = call.request.headers[.contentEncoding] ?? "identity"
        guard type.isEmpty || body.types.contains(type) || type == Self.curlsOwn, encoding == "identity" else {
            throw Problem(
                .mediaType, at: "content-type",
                "`\(type.prefix(80))`, encoded as `\(encoding.prefix(40))`, is not read here",
                remedy: "send \(body.types.joined(separator: " or "))")
        }
        guard case .json(let schema) = body else { return }
        let known = schema.fieldNames
        if let strange = try MessageReader(call.body).names.sorted().first(where: { !known.contains($0) }) {
            throw Self.unknown(strange, at: "body", among: known)
        }
    }

    /// What curl says of a body when nobody tells it what it is.
    private static let curlsOwn = "application/x-www-form-urlencoded"

    private static func unknown(_ name: String, at place: String, among known: [String]) -> Problem {
        let nearest = Spelling.nearest(to: name, among: known).map { "did you mean `\($0)`?" }
        let all = known.isEmpty ? "there are none here" : "known are \(known.joined(separator: ", "))"
        return Problem(.unknownField, at: place, "`\(name.prefix(80))` does not exist", remedy: nearest ?? all)
    }
}

extension Endpoint.Body {
    /// The best first.
    var types: [String] {
        switch self {
        case .none: []
        case .documents: ["application/yaml", "application/json", "application/x-yaml", "text/yaml"]
        case .json: ["application/json"]
        case .pem: ["application/x-pem-file", "application/pem-certificate-chain"]
        }
    }
}

extension Call {
    static let flags = ["": true, "true": true, "1": true, "false": false, "0": false]

    func flag(_ name: String) -> Bool { query(name).flatMap { Self.flags[$0] } ?? false }
}
