// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes

/// The shape of a value of JSON, as far as the API has such shapes. The OpenAPI document says it in JSON Schema.
indirect enum Schema: Sendable {
    case text
    /// RFC 3339.
    case moment
    case choice([String])
    case integer
    case truth
    case list(Schema)
    /// Names of somebody's choice, with such values behind them.
    case map(Schema)
    /// Written by ``object(_:)``.
    case fields([Field])
    /// An object of which this document says no more: a resource, described in docs/.
    case resource
    /// One of `components/schemas`.
    case named(String)

    struct Field: Sendable {
        let name: String
        let schema: Schema
        let isRequired: Bool
    }

    /// An object. A name that ends in `?` may be left away.
    static func object(_ fields: KeyValuePairs<String, Schema>) -> Schema {
        .fields(
            fields.map { name, schema in
                Field(
                    name: name.hasSuffix("?") ? String(name.dropLast()) : name, schema: schema,
                    isRequired: !name.hasSuffix("?"))
            })
    }

    /// The same object with more fields.
    func and(_ more: KeyValuePairs<String, Schema>) -> Schema {
        guard case .fields(let all) = self, case .fields(let added) = Schema.object(more) else {
            preconditionFailure("Only objects have fields.")
        }
        return .fields(all + added)
    }

    /// Of an object, what its fields are called.
    var fieldNames: [String] {
        guard case .fields(let fields) = self else { return [] }
        return fields.map(\.name)
    }

    func write(into json: inout JSONWriter) {
        json.object { json in
            switch self {
            case .text: json.field("type", "string")
            case .moment:
                json.field("type", "string")
                json.field("format", "date-time")
            case .choice(let words):
                json.field("type", "string")
                json.key("enum")
                json.array(words) { $0.string($1) }
            case .integer: json.field("type", "integer")
            case .truth: json.field("type", "boolean")
            case .list(let element):
                json.field("type", "array")
                json.key("items")
                element.write(into: &json)
            case .map(let value):
                json.field("type", "object")
                json.key("additionalProperties")
                value.write(into: &json)
            case .fields(let fields): Self.write(fields, into: &json)
            case .resource: json.field("type", "object")
            case .named(let name): json.field("$ref", "#/components/schemas/\(name)")
            }
        }
    }

    private static func write(_ fields: [Field], into json: inout JSONWriter) {
        json.field("type", "object")
        json.key("properties")
        json.object { json in
            for field in fields {
                json.key(field.name)
                field.schema.write(into: &json)
            }
        }
        let required = fields.filter(\.isRequired)
        guard !required.isEmpty else { return }
        json.key("required")
        json.array(required) { $0.string($1.name) }
    }
}

extension Schema {
    /// What several calls answer or take, by the name that it has in the document.
    static let components: [(name: String, schema: Schema)] = [
        (
            "Problem",
            .object(["code": .text, "place?": .text, "message": .text, "remedy?": .text])
        ),
        (
            "Problems",
            .object([
                "code": .text, "place?": .text, "message": .text, "remedy?": .text,
                "problems": .list(.named("Problem")),
            ])
        ),
        (
            "Written",
            .object([
                "revision": .integer, "written": .truth,
                "changes": .list(
                    .object([
                        "resource": .text, "action": .choice(["created", "changed", "deleted", "unchanged"]),
                    ])),
                "warnings": .list(.named("Problem")),
                "effects?": .list(.object(["from": .text, "to": .text, "before": .text, "after": .text])),
            ])
        ),
        ("Resources", .object(["revision": .integer, "resources": .list(.resource)])),
        (
            "Rejections",
            .list(.object(["resource": .text, "path": .text, "code": .text, "message": .text]))
        ),
        ("CertificateAnswer", .object(["chain": .text, "trust": .map(.text), "notAfter": .moment])),
    ]
}
