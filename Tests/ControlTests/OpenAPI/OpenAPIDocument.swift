// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting

/// What a server says of its API, and whether an answer is as it says. Knows the part of JSON Schema that is used there,
/// and complains of any other.
struct OpenAPIDocument {
    struct Operation: CustomStringConvertible {
        let method: String
        let path: String
        let facts: JSONValue
        /// False for calls of another port than the API's.
        let isOwn: Bool

        /// As a test names it.
        var description: String { "\(method) \(path)" }
        /// Of the role that it takes.
        var role: String {
            ["view", "operate", "admin"].first { facts["description"]?.text?.contains("`\($0)`") == true } ?? ""
        }
        var queries: [String] {
            (facts["parameters"]?.list ?? []).filter { $0["in"]?.text == "query" }.compactMap { $0["name"]?.text }
        }
        /// The kinds of body that it takes, the first of them; nil where it takes none.
        var bodyTypes: [String]? { facts["requestBody"]?["content"].map { $0.fields.keys.sorted() } }

        func response(_ status: Int) -> JSONValue? {
            let all = facts["responses"]
            return all?["\(status)"] ?? all?["\(status / 100)XX"]
        }
    }

    private let document: JSONValue

    init(_ text: String) throws { document = try JSONValue(text) }

    var operations: [Operation] {
        (document["paths"]?.fields ?? [:]).flatMap { path, item in
            item.fields.filter { $0.key != "servers" }.map {
                Operation(method: $0.key.uppercased(), path: path, facts: $0.value, isOwn: item["servers"] == nil)
            }
        }.sorted { $0.description < $1.description }
    }

    func operation(_ name: String) throws -> Operation {
        guard let found = operations.first(where: { $0.description == name }) else {
            throw DidNotHappen("\(name) is not in the document")
        }
        return found
    }

    /// What of an answer is not as the document says; empty where all of it is.
    func faults(in answer: CurlResult, of operation: Operation) -> [String] {
        guard let response = operation.response(answer.status) else {
            return ["\(operation): the status \(answer.status) is not in the document: \(answer.body)"]
        }
        guard let (type, content) = response["content"]?.fields.first, let schema = content["schema"] else {
            return answer.body.isEmpty ? [] : ["\(operation): \(answer.status) with a body: \(answer.body)"]
        }
        guard type == "application/json" else { return answer.body.isEmpty ? ["\(operation): nothing"] : [] }
        guard let value = try? JSONValue(answer.body) else { return ["\(operation): no JSON: \(answer.body)"] }
        return faults(value, schema, "\(operation) \(answer.status)")
    }

    private func faults(_ value: JSONValue, _ schema: JSONValue, _ place: String) -> [String] {
        if let reference = schema["$ref"]?.text {
            let name = reference.split(separator: "/").last.map(String.init) ?? ""
            guard let target = document["components"]?["schemas"]?[name] else { return ["\(place): no \(reference)"] }
            return faults(value, target, place)
        }
        let known: Set = ["type", "format", "enum", "items", "properties", "required", "additionalProperties"]
        let strange = Set(schema.fields.keys).subtracting(known)
        guard strange.isEmpty else { return ["\(place): the schema has \(strange)"] }
        switch (schema["type"]?.text, value) {
        case ("string", .text(let text)):
            if let words = schema["enum"]?.list, !words.contains(where: { $0.text == text }) {
                return ["\(place): `\(text)` is none of \(words)"]
            }
            if schema["format"]?.text == "date-time", !Self.isMoment(text) { return ["\(place): `\(text)` is no time"] }
            return []
        case ("integer", .integer), ("boolean", .truth): return []
        case ("array", .list(let values)):
            guard let items = schema["items"] else { return ["\(place): a list of nothing"] }
            return values.enumerated().flatMap { faults($1, items, "\(place)[\($0)]") }
        case ("object", .object(let fields)):
            return faults(fields, schema, place)
        case (let type, _): return ["\(place): \(value) is no \(type ?? "?")"]
        }
    }

    private func faults(_ fields: [String: JSONValue], _ schema: JSONValue, _ place: String) -> [String] {
        let missing = (schema["required"]?.list ?? []).compactMap(\.text).filter { fields[$0] == nil }
        var faults = missing.map { "\(place).\($0) is missing" }
        let others = schema["additionalProperties"]
        // An object of which nothing is said.
        if schema["properties"] == nil, others == nil { return faults }
        for (name, value) in fields.sorted(by: { $0.key < $1.key }) {
            guard let shape = schema["properties"]?[name] ?? others else {
                faults.append("\(place).\(name) is not in the document")
                continue
            }
            faults += self.faults(value, shape, "\(place).\(name)")
        }
        return faults
    }

    private static func isMoment(_ text: String) -> Bool {
        let reader = ISO8601DateFormatter()
        reader.formatOptions.insert(.withFractionalSeconds)
        return reader.date(from: text) != nil
    }
}
