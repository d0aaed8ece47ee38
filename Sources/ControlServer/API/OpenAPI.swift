// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import MeshModel

/// The document that describes the API, made of the table that serves it.
struct OpenAPI {
    /// A call of another port, which machines and proxies make.
    private struct Neighbour {
        let path: String
        let summary: String
        let port: UInt16
        let body: Schema
        let answer: Schema
    }

    private static let neighbours = [
        Neighbour(
            path: ControlProtocol.joinPath, summary: "Exchanges a join token for a certificate.",
            port: ControlProtocol.joinPort, body: .object(["token": .text, "csr": .text, "name?": .text]),
            answer: .object([
                "name": .text, "namespace": .text, "identity": .text, "chain": .text, "trust": .map(.text),
                "control": .list(.text), "join?": .list(.text),
            ])),
        Neighbour(
            path: ControlProtocol.renewPath,
            summary:
                "Renews an expired certificate by its key: first `certificate` alone, which is answered by a nonce.",
            port: ControlProtocol.joinPort,
            body: .object(["certificate": .text, "nonce?": .text, "csr?": .text, "signature?": .text]),
            answer: .object(["nonce?": .text, "chain?": .text, "trust?": .map(.text), "notAfter?": .moment])),
        Neighbour(
            path: ControlProtocol.certificatesPath, summary: "Renews the certificate that the caller shows.",
            port: ControlProtocol.proxyPort, body: .object(["csr": .text]), answer: .named("CertificateAnswer")),
    ]

    static func document(_ endpoints: [Endpoint]) -> [UInt8] {
        var json = JSONWriter()
        json.object { json in
            json.field("openapi", "3.1.0")
            json.key("info")
            json.object { json in
                json.field("title", "Weft control plane")
                json.field("version", WeftVersion.text)
            }
            servers(15010, &json)
            security(["token", "certificate"], &json)
            json.key("paths")
            json.object { json in
                var paths: [String] = []
                for endpoint in endpoints where !paths.contains(endpoint.path) { paths.append(endpoint.path) }
                for path in paths {
                    json.key(path)
                    json.object { json in
                        for endpoint in endpoints where endpoint.path == path { write(endpoint, &json) }
                    }
                }
                for neighbour in neighbours { write(neighbour, &json) }
            }
            components(&json)
        }
        return json.bytes
    }

    private static func servers(_ port: UInt16, _ json: inout JSONWriter) {
        json.key("servers")
        json.array([port]) { json, port in
            json.object { json in
                json.field("url", "https://{host}:\(port)")
                json.key("variables")
                json.object { json in
                    json.key("host")
                    json.object { $0.field("default", "localhost") }
                }
            }
        }
    }

    /// Any one of them.
    private static func security(_ names: [String], _ json: inout JSONWriter) {
        json.key("security")
        json.array(names) { json, name in
            json.object { json in
                json.key(name)
                json.array([String]()) { $0.string($1) }
            }
        }
    }

    private static func components(_ json: inout JSONWriter) {
        json.key("components")
        json.object { json in
            json.key("schemas")
            json.object { json in
                for (name, schema) in Schema.components {
                    json.key(name)
                    schema.write(into: &json)
                }
            }
            json.key("securitySchemes")
            json.object { json in
                json.key("token")
                json.object { json in
                    json.field("type", "http")
                    json.field("scheme", "bearer")
                }
                json.key("certificate")
                json.object { $0.field("type", "mutualTLS") }
            }
        }
    }

    private static func write(_ endpoint: Endpoint, _ json: inout JSONWriter) {
        json.key(endpoint.method.rawValue.lowercased())
        json.object { json in
            json.field("summary", endpoint.summary)
            let trial = endpoint.query.contains { $0.name == Endpoint.trial } ? " A viewer may try it: `dryRun`." : ""
            json.field("description", "Takes the role `\(endpoint.role.rawValue)`.\(trial)")
            json.key("parameters")
            json.beginArray()
            for part in endpoint.path.split(separator: "/") where part.hasPrefix("{") {
                parameter(String(part.dropFirst().dropLast()), "path", nil, .text, &json)
            }
            for query in endpoint.query {
                let schema: Schema =
                    switch query.kind {
                    case .text: .text
                    case .flag: .truth
                    case .number: .integer
                    }
                parameter(query.name, "query", query.meaning, schema, &json)
            }
            json.endArray()
            body(endpoint.body, &json)
            switch endpoint.answer {
            case .nothing: responses(nil, "application/json", &json)
            case .json(let schema): responses(schema, "application/json", &json)
            case .pem: responses(.text, "application/x-pem-file", &json)
            }
        }
    }

    private static func write(_ neighbour: Neighbour, _ json: inout JSONWriter) {
        json.key(neighbour.path)
        json.object { json in
            servers(neighbour.port, &json)
            json.key("post")
            json.object { json in
                json.field("summary", neighbour.summary)
                security(neighbour.port == ControlProtocol.proxyPort ? ["certificate"] : [], &json)
                body(.json(neighbour.body), &json)
                responses(neighbour.answer, "application/json", &json)
            }
        }
    }

    private static func parameter(
        _ name: String, _ place: String, _ meaning: String?, _ schema: Schema, _ json: inout JSONWriter
    ) {
        json.object { json in
            json.field("name", name)
            json.field("in", place)
            json.field("required", place == "path")
            json.field("description", ifPresent: meaning)
            json.key("schema")
            schema.write(into: &json)
        }
    }

    private static func body(_ body: Endpoint.Body, _ json: inout JSONWriter) {
        let schema: Schema
        switch body {
        case .none: return
        case .documents: schema = .resource
        case .json(let shape): schema = shape
        case .pem: schema = .text
        }
        json.key("requestBody")
        json.object { json in
            json.field("required", true)
            json.key("content")
            json.object { json in
                for type in body.types { content(type, schema, &json) }
            }
        }
    }

    private static func content(_ type: String, _ schema: Schema, _ json: inout JSONWriter) {
        json.key(type)
        json.object { json in
            json.key("schema")
            schema.write(into: &json)
        }
    }

    private static func responses(_ schema: Schema?, _ type: String, _ json: inout JSONWriter) {
        json.key("responses")
        json.object { json in
            json.key(schema == nil ? "204" : "200")
            json.object { json in
                json.field("description", "Done.")
                guard let schema else { return }
                json.key("content")
                json.object { content(type, schema, &$0) }
            }
            for (status, meaning) in [
                ("4XX", "Something is wrong with the request."),
                ("5XX", "The control plane or its store cannot answer."),
            ] {
                json.key(status)
                json.object { json in
                    json.field("description", meaning)
                    json.key("content")
                    json.object { content("application/json", .named("Problems"), &$0) }
                }
            }
        }
    }
}
