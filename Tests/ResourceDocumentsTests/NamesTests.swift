// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import ResourceDocuments
import Testing

@Suite("Names in a configuration")
struct NamesTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let spec: String
        let port: UInt16?
        let isCaptured: Bool

        var testDescription: String { spec }
    }

    @Test(
        "are served where they are written, and captured where they are served, unless it says otherwise",
        arguments: [
            Case(spec: "{}", port: nil, isCaptured: false),
            Case(spec: "{names: {}}", port: 15053, isCaptured: true),
            Case(spec: "{names: {enabled: true, port: 5300}}", port: 5300, isCaptured: true),
            Case(spec: "{names: {enabled: false, port: 5300}}", port: nil, isCaptured: false),
            Case(spec: "{names: {}, capture: {names: false}}", port: 15053, isCaptured: false),
            Case(spec: "{capture: {names: true}, names: {}}", port: 15053, isCaptured: true),
        ])
    func served(_ example: Case) throws {
        let proxy = try read("kind: Proxy\nmetadata: {name: web}\nspec: \(example.spec)\n").get().proxy
        #expect(proxy.ports.names?.number == example.port && proxy.capture.names == example.isCaptured)
    }

    @Test("are passed on to resolvers with port 53, or another")
    func resolvers() throws {
        let spec = "{names: {resolvers: [10.0.0.2, \"fd00::53\", \"[fd00::53]:5353\", \"127.0.0.1:5300\"]}}"
        let proxy = try read("kind: Proxy\nmetadata: {name: web}\nspec: \(spec)\n").get().proxy
        let expected = ["10.0.0.2:53", "[fd00::53]:53", "[fd00::53]:5353", "127.0.0.1:5300"]
        #expect(proxy.names.resolvers.map(\.description) == expected)
    }
}
