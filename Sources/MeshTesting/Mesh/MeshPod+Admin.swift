// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

extension MeshPod {
    /// Asks the admin socket, with the real curl.
    package func ask(_ path: String, _ arguments: String...) async throws -> CurlResult {
        try await pod.curl(["--unix-socket", adminSocket, "http://weft\(path)"] + arguments, as: nil)
    }

    private struct Listing: Decodable {
        let count: Int
        let connections: [ToldConnection]
    }

    /// The connections under way.
    package func connections() async throws -> [ToldConnection] {
        let answer = try await ask("/connections")
        guard answer.status == 200 else { throw DidNotHappen("\(name): /connections \(answer)") }
        return try ToldConnection.decode(Listing.self, answer.body).connections
    }

    /// Waits for a connection in the list.
    @discardableResult
    package func lists(_ what: String, _ isMeant: (ToldConnection) -> Bool) async throws -> ToldConnection {
        try await eventually("\(name) lists \(what)") { try await connections().first(where: isMeant) }
    }

    /// The metrics now.
    package func metrics() async throws -> Metrics { try Metrics(try await ask("/metrics").body) }

    /// Waits until metrics are as meant.
    package func measures(_ what: String, _ isMeant: (Metrics) -> Bool) async throws {
        try await eventually("\(name) measures \(what)") { try await isMeant(metrics()) ? true : nil }
    }
}

/// The text format of Prometheus, read strictly: a line that does not belong makes it fail.
package struct Metrics: Sendable {
    package struct Sample: Sendable {
        package let name: String
        package let labels: [String: String]
        package let value: Double
    }

    package let samples: [Sample]
    /// The type of each family.
    package let types: [String: String]

    package init(_ text: String) throws {
        var samples: [Sample] = []
        var types: [String: String] = [:]
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# HELP ") { continue }
            if line.hasPrefix("# TYPE ") {
                let words = line.split(separator: " ")
                guard words.count == 4, types[String(words[2])] == nil else {
                    throw DidNotHappen("a family's type is told twice or wrong: \(line)")
                }
                types[String(words[2])] = String(words[3])
                continue
            }
            samples.append(try Metrics.sample(line))
        }
        for sample in samples {
            let stems = ["", "_bucket", "_sum", "_count"].filter { sample.name.hasSuffix($0) }
            guard stems.contains(where: { types[String(sample.name.dropLast($0.count))] != nil }) else {
                throw DidNotHappen("\(sample.name) has no type")
            }
        }
        self.samples = samples
        self.types = types
    }

    private static func sample(_ line: Substring) throws -> Sample {
        let pattern = /([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([0-9.eE+-]+|\+Inf|NaN)/
        guard let match = line.wholeMatch(of: pattern), let value = Double(match.3) else {
            throw DidNotHappen("not a line of metrics: \(line)")
        }
        var labels: [String: String] = [:]
        var rest = match.2 ?? ""
        while !rest.isEmpty {
            guard let label = rest.prefixMatch(of: /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?/),
                labels[String(label.1)] == nil
            else { throw DidNotHappen("not a list of labels: \(line)") }
            labels[String(label.1)] = String(label.2)
            rest = rest[label.range.upperBound...]
        }
        return Sample(name: String(match.1), labels: labels, value: value)
    }

    /// The sum over all samples that have these labels.
    package func value(_ name: String, _ labels: [String: String] = [:]) -> Double {
        samples.filter { sample in sample.name == name && labels.allSatisfy { sample.labels[$0.key] == $0.value } }
            .reduce(0) { $0 + $1.value }
    }
}
