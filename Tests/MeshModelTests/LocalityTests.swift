// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@Suite("Localities")
struct LocalityTests {
    @Test("one word or two are read, and written as they were", arguments: ["zone-a", "eu-west/a", "A_1.2/b", "eu/eu"])
    func good(_ text: String) throws {
        let locality = try #require(Locality(text))
        #expect(locality.description == text)
    }

    @Test("nothing else is", arguments: ["", "/", "a/", "/b", "a/b/c", "a b", "zone\u{0}", "é", "a\n"])
    func bad(_ text: String) { #expect(Locality(text) == nil) }

    @Test("a part has at most 63 letters")
    func length() {
        let longest = String(repeating: "z", count: 63)
        #expect(Locality("\(longest)/\(longest)") != nil)
        #expect(Locality("\(longest)z") == nil)
    }

    struct Case: CustomTestStringConvertible, Sendable {
        let here: String
        let there: String?
        let distance: Locality.Distance
        var testDescription: String { "\(here) to \(there ?? "nowhere")" }
    }

    @Test(
        "what is near",
        arguments: [
            Case(here: "zone-a", there: "zone-a", distance: .sameZone),
            Case(here: "zone-a", there: "zone-b", distance: .elsewhere),
            Case(here: "eu/a", there: "eu/a", distance: .sameZone),
            Case(here: "eu/a", there: "eu/b", distance: .sameRegion),
            Case(here: "eu/a", there: "eu", distance: .sameRegion),
            Case(here: "eu", there: "eu/a", distance: .sameRegion),
            Case(here: "eu/a", there: "us/a", distance: .elsewhere),
            Case(here: "eu/a", there: nil, distance: .elsewhere),
        ])
    func distance(_ item: Case) throws {
        let here = try #require(Locality(item.here))
        #expect(here.distance(to: item.there.flatMap { Locality($0) }) == item.distance)
    }
}
