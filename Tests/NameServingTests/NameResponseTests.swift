// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import NameServing
import Testing

@Suite("An answer")
struct NameResponseTests {
    private func addresses(_ texts: String...) throws -> [IPAddress] { try texts.map { try #require(IPAddress($0)) } }

    private func response(
        _ recipe: QuestionRecipe, over transport: NameResponse.Transport = .datagram
    ) throws -> NameResponse {
        NameResponse(to: try query(recipe), over: transport)
    }

    @Test("has the addresses of the family that was asked for, under the name as it was written")
    func addresses() throws {
        let all = try addresses("10.96.0.10", "fd96::10", "10.96.0.11")
        let four = try ReadAnswer(try response(QuestionRecipe("aPI.default.MESH")).addresses(all))
        #expect(four.identifier == 0x1234 && four.flags == 0x8580 && four.code == 0)
        #expect(four.question == QuestionRecipe("aPI.default.MESH").question)
        #expect(four.answers.map(\.name) == ["aPI.default.MESH", "aPI.default.MESH"])
        #expect(four.answers.map(\.data) == [[10, 96, 0, 10], [10, 96, 0, 11]])
        #expect(four.answers.allSatisfy { $0.type == 1 && $0.timeToLive == 5 } && four.authorities.isEmpty)
        let six = try ReadAnswer(try response(QuestionRecipe(type: 28)).addresses(all))
        #expect(six.answers.map(\.data) == [[0xfd, 0x96] + [UInt8](repeating: 0, count: 13) + [0x10]])
        #expect(six.answers.first?.type == 28)
    }

    struct Negative: CustomTestStringConvertible {
        let name: String
        let type: UInt16
        let exists: Bool
        let zone: String
        var testDescription: String { "\(name) \(type)" }
    }

    @Test(
        "that says no carries the SOA of its zone, which limits for how long it is believed",
        arguments: [
            Negative(name: "api.default.mesh", type: 28, exists: true, zone: "mesh"),
            Negative(name: "api.default.MeSH", type: 16, exists: true, zone: "MeSH"),
            Negative(name: "mesh", type: 6, exists: true, zone: "mesh"),
            Negative(name: "api", type: 28, exists: true, zone: "api"),
            Negative(name: "api.default", type: 255, exists: true, zone: "api.default"),
            Negative(name: "no.default.mesh", type: 1, exists: false, zone: "mesh"),
        ])
    func negative(_ example: Negative) throws {
        let response = try response(QuestionRecipe(example.name, type: example.type))
        let read = try ReadAnswer(
            example.exists ? try response.addresses(addresses("0.0.0.0").dropLast()) : response.noSuchName())
        #expect(read.code == (example.exists ? 0 : 3) && read.flags & 0x0400 != 0 && read.answers.isEmpty)
        let authority = try #require(read.authorities.first)
        #expect(authority.name == example.zone && authority.type == 6 && authority.timeToLive == 5)
        #expect(authority.data.suffix(4) == [0, 0, 0, 5])
    }

    @Test("is cut where the client's datagrams are too short for it, and never on a stream")
    func cut() throws {
        let many = (0..<60).map { IPAddress.v4(IPv4Address(bits: 0x0a60_0000 + $0)) }
        let plain = try ReadAnswer(try response(QuestionRecipe()).addresses(many))
        #expect(plain.flags & 0x0200 != 0 && plain.answers.isEmpty)
        let wide = QuestionRecipe().with { $0.additional = [QuestionRecipe.options(size: 65_535, rest: 0x8000)] }
        let enough = try response(wide).addresses(many)
        #expect(try ReadAnswer(enough).answers.count == 60 && enough.count <= 1232)
        // The OPT record is repeated, with what the client said of DNSSEC.
        #expect(try ReadAnswer(enough).additional == [.init(name: "", type: 41, timeToLive: 0x8000, data: [])])
        let more = many + many
        #expect(try ReadAnswer(try response(wide).addresses(more)).flags & 0x0200 != 0)
        #expect(try ReadAnswer(try response(QuestionRecipe(), over: .stream).addresses(more)).answers.count == 120)
        let tiny = QuestionRecipe().with { $0.additional = [QuestionRecipe.options(size: 0)] }
        #expect(try ReadAnswer(try response(tiny).addresses(Array(many.prefix(20)))).answers.count == 20)
    }

    @Test("to a version of EDNS that nobody knows says so in twelve bits")
    func version() throws {
        let recipe = QuestionRecipe().with { $0.additional = [QuestionRecipe.options()] }
        let read = try ReadAnswer(try response(recipe).failure(.badVersion))
        #expect(read.code == 0 && read.additional.first?.timeToLive == 0x0100_0000)
    }

    @Test("to what cannot be read has a header and nothing else")
    func refusal() throws {
        #expect {
            try query(QuestionRecipe().with { $0.flags = 0x2900 })
        } throws: { error in
            guard case .refused(let header, let code)? = error as? QueryFlaw else { return false }
            return NameResponse.refusal(header, code) == [0x12, 0x34, 0xa9, 0x84] + [UInt8](repeating: 0, count: 8)
        }
    }
}

@Suite("Names of the mesh")
struct MeshNamesTests {
    private func service(_ name: String, _ namespace: String, _ addresses: String...) throws -> Service {
        Service(
            reference: ResourceReference(
                namespace: try #require(ResourceName(namespace)), name: try #require(ResourceName(name))),
            addresses: addresses.compactMap { IPAddress($0) }, ports: [], members: [])
    }

    @Test(
        "are found in each way that they can be written, by whoever is near enough",
        arguments: [
            ("api", "10.0.0.1"), ("API", "10.0.0.1"), ("api.default", "10.0.0.1"), ("api.default.mesh", "10.0.0.1"),
            ("db", nil), ("db.prod", "10.0.0.2"), ("db.prod.mesh", "10.0.0.2"), ("db.default", nil),
            // A service with a dot in its name gives way to what the dot means elsewhere.
            ("a.b", "10.0.0.3"), ("a.b.default.mesh", "10.0.0.4"), ("a.b.mesh", "10.0.0.3"), ("a.b.default", nil),
            ("nobody", nil), ("api.example.com", nil), ("api.default.mesh.example.com", nil), ("meshes", nil),
        ] as [(String, String?)])
    func found(_ name: String, _ address: String?) throws {
        #expect(try answer(name) == (address.map { .addresses([try #require(IPAddress($0))]) } ?? .notOfMesh))
    }

    @Test(
        "exist without an address where something is below them, and not otherwise",
        arguments: [
            ("mesh", true), ("default.mesh", true), ("prod.mesh", true), ("b.default.mesh", true),
            ("headless.default.mesh", true), ("no.mesh", false), ("no.default.mesh", false),
            ("x.api.default.mesh", false), ("_tcp.api.default.mesh", false),
        ])
    func zone(_ name: String, _ exists: Bool) throws {
        #expect(try answer(name) == (exists ? .addresses([]) : .unknownInMesh))
    }

    private func answer(_ name: String) throws -> MeshAnswer {
        var resources = MeshResources()
        resources.services = [
            try service("a.b", "default", "10.0.0.4"), try service("api", "default", "10.0.0.1"),
            try service("db", "prod", "10.0.0.2"), try service("a", "b", "10.0.0.3"),
            try service("headless", "default"),
        ]
        let own = ResourceReference(name: try #require(ResourceName("client")))
        return MeshNames(resources, workload: own).answer(try query(QuestionRecipe(name)).name)
    }
}
