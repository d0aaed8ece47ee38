// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel
import Testing

@Suite("Names of workloads")
struct IdentityTests {
    private static let long = String(repeating: "a", count: 2048)

    @Test(
        "a SPIFFE ID is read as it stands",
        arguments: [
            "spiffe://mesh.example/ns/default/sa/web", "spiffe://a/b", "spiffe://a-b_c.d9/x", "spiffe://a/B/c.D/_/-",
            "spiffe://a/...", "spiffe://a/.b", "spiffe://a/..b/c", "spiffe://1.2.3/x", "spiffe://1.2.3.4.5/x",
            "spiffe://" + String(repeating: "a", count: 255) + "/x", String("spiffe://a/\(long)".prefix(2048)),
        ])
    func good(_ text: String) throws {
        let identity = try #require(SPIFFEID(text))
        #expect(identity.description == text)
        #expect("spiffe://\(identity.trustDomain)\(identity.path)" == text)
    }

    @Test(
        "anything that the specification forbids is none",
        arguments: [
            // Scheme and shape.
            "", "spiffe", "spiffe:", "spiffe:/", "spiffe://", "spiffe:///", "spiffe:///x", "spiffe:a/b", "spiffe:/a/b",
            "SPIFFE://a/b", "Spiffe://a/b", "http://a/b", " spiffe://a/b", "spiffe://a/b ", "spiffe://a/b\n", "//a/b",
            // Trust domains.
            "spiffe://A/b", "spiffe://mesh.Example/b", "spiffe://a b/c", "spiffe://a%20b/c", "spiffe://ä.example/b",
            "spiffe://a:443/b", "spiffe://user@a/b", "spiffe://user:pw@a/b", "spiffe://[::1]/b", "spiffe://10.0.0.1/b",
            "spiffe://a~b/c", "spiffe://a!/b", "spiffe://" + String(repeating: "a", count: 256) + "/x",
            // Paths: at least one segment, none empty, none that walks.
            "spiffe://a", "spiffe://a/", "spiffe://a/b/", "spiffe://a//b", "spiffe://a/b//c", "spiffe://a/.",
            "spiffe://a/..",
            "spiffe://a/b/../c", "spiffe://a/./b", "spiffe://a/b%2fc", "spiffe://a/b%", "spiffe://a/ü",
            "spiffe://a/b c",
            "spiffe://a/b~c", "spiffe://a/b:c", "spiffe://a/b@c", "spiffe://a/*", "spiffe://a/b\0c", "spiffe://a/b\\c",
            // Query and fragment.
            "spiffe://a/b?c", "spiffe://a/b#c", "spiffe://a?b", "spiffe://a#b", "spiffe://a/b?", "spiffe://a/b#",
            // Letters that only look like others, and marks that hide in one.
            "spiffe://\u{0430}/b", "spiffe://a/\u{ff41}", "spiffe:/\u{2215}a/b", "spiffe://\u{301}a/b",
            "spiffe://a/\u{301}b",
            "spiffe://a\u{301}/b", "spiffe:\u{301}//a/b", "spiffe://a/b\u{200d}", "spiffe://a/b\r\n",
            String("spiffe://a/\(long)".prefix(2049)),
        ])
    func bad(_ text: String) {
        #expect(SPIFFEID(text) == nil)
    }

    @Test("a name and a service account make an identity")
    func made() throws {
        let domain = try #require(TrustDomain("mesh.example"))
        let name = try #require(ResourceName("web"))
        let identity = SPIFFEID(trustDomain: domain, namespace: .defaultNamespace, serviceAccount: name)
        #expect(identity == SPIFFEID("spiffe://mesh.example/ns/default/sa/web"))
        #expect(identity != SPIFFEID("spiffe://mesh.example/ns/default/sa/Web"))
    }

    @Test("a trust domain is no address", arguments: ["10.0.0.1", "", "a/b", "a:1", "A", "*.a", "a b", "ä"])
    func domains(_ text: String) {
        #expect(TrustDomain(text) == nil)
    }

    @Test(
        "resource names are DNS labels",
        arguments: [
            ("web", true), ("web-1", true), ("1web", true), ("a.b.c", true), (String(repeating: "a", count: 63), true),
            (String(repeating: "a", count: 64), false), ("", false), ("Web", false), ("-web", false), ("web-", false),
            ("a..b", false), (".a", false), ("a.", false), ("a_b", false), ("a/b", false), ("wéb", false),
            ("a b", false),
            (Array(repeating: "a", count: 127).joined(separator: "."), true),
            (Array(repeating: "a", count: 128).joined(separator: "."), false), ("web\u{301}", false), ("a\0", false),
        ])
    func names(_ text: String, _ isGood: Bool) {
        #expect((ResourceName(text) != nil) == isGood)
        #expect(ResourceName(text).map(\.description) ?? text == text)
    }

    @Test("references sort by namespace, then name")
    func order() throws {
        let names = try ["b", "a"].map { try #require(ResourceName($0)) }
        let all = names.flatMap { outer in names.map { ResourceReference(namespace: outer, name: $0) } }
        #expect(all.sorted().map(\.description) == ["a/a", "a/b", "b/a", "b/b"])
        #expect(ResourceReference(name: names[0]).description == "default/b")
    }
}
