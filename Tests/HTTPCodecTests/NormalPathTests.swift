// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import HTTPCodec
import MeshTesting
import Testing

@Suite("Normal paths")
struct NormalPathTests {
    /// A target and what becomes of it; nil: 400.
    struct Case: CustomTestStringConvertible, Sendable {
        let target: String
        let normal: String?

        init(_ target: String, _ normal: String?) {
            self.target = target
            self.normal = normal
        }

        var testDescription: String { target.debugDescription }
    }

    private static func normal(_ target: String) -> String? { try? NormalPath.normalise(target) }

    /// What is normal already.
    private static let same: [Case] = [
        "/", "/a", "/a/", "/a/b/c", "/a-b_c~d.e", "/.a", "/..a", "/...", "/.../a", "/a.", "/a..", "/a./b", "/a../b",
        "/.well-known/acme", "/a;b=c", "/a;b=c/d;e", "/;", "/;a/b", "/a,b", "/a=b", "/a@b:c", "/a+b", "/!$&'()*+,;=:@",
        "/a%20b", "/%E2%82%AC", "/%25", "/%252e%252e/", "/%252F", "/%3F", "/%23", "/%3A", "/%C3%A9", "/%E9", "/%80",
        "/%EF%BC%8F", "/a%3Bb", "/...;x", "/a..;x", "/?", "/?a=b", "/a?b=../c", "/a?b=%2f%2e%zz", "/a?b//c", "/a?b?c",
        "/?a=\\", "/a?é", "/pkg.Service/Method", "*", "",
    ].map { Case($0, $0) }

    private static let changed: [Case] = [
        // Slashes.
        Case("//", "/"), Case("///", "/"), Case("//a", "/a"), Case("/a//b", "/a/b"), Case("/a//", "/a/"),
        Case("//a///b//?c//d", "/a/b/?c//d"), Case("//evil.example/a", "/evil.example/a"),
        // Dot segments, RFC 3986 sections 5.2.4 and 5.4.
        Case("/.", "/"), Case("/./", "/"), Case("/a/.", "/a/"), Case("/a/./b", "/a/b"), Case("/a/..", "/"),
        Case("/a/../", "/"), Case("/a/../b", "/b"), Case("/a/b/..", "/a/"), Case("/a/b/../", "/a/"),
        Case("/a/b/../..", "/"), Case("/a/b/c/./../../g", "/a/g"), Case("/mid/content=5/../6", "/mid/6"),
        Case("/b/c/d;p/../g", "/b/c/g"), Case("/b/c/g;x=1/./y", "/b/c/g;x=1/y"), Case("/b/c/g;x=1/../y", "/b/c/y"),
        // A slash more does not save a segment from being climbed out of.
        Case("/a//../b", "/b"), Case("/a/.//../b", "/b"), Case("/public//..//admin", "/admin"),
        Case("/public/../admin", "/admin"), Case("/public/./../admin", "/admin"),
        // Encoded dots and letters.
        Case("/%2e", "/"), Case("/%2E/", "/"), Case("/a/%2e%2e/b", "/b"), Case("/a/%2E%2e/b", "/b"),
        Case("/a/.%2e/b", "/b"), Case("/a/%2e./b", "/b"), Case("/a/%2e%2e", "/"), Case("/a/%2e", "/a/"),
        Case("/%2e%2e%2e", "/..."), Case("/%61dmin", "/admin"), Case("/%41dmin", "/Admin"), Case("/%7Ea", "/~a"),
        Case("/%2d%5f%30", "/-_0"), Case("/adm%69n/users", "/admin/users"),
        // Digits of what stays encoded.
        Case("/%e2%82%ac", "/%E2%82%AC"), Case("/%3f", "/%3F"), Case("/%3a%3b", "/%3A%3B"),
        Case("/%c3%a9?%c3", "/%C3%A9?%c3"),
        // Once only: what comes out is not decoded again.
        Case("/%25%32%65", "/%252e"), Case("/%252e%252e/%61", "/%252e%252e/a"), Case("/%2561", "/%2561"),
        // What browsers send although it must be encoded.
        Case("/a|b", "/a%7Cb"), Case("/{id}", "/%7Bid%7D"), Case("/a[1]", "/a%5B1%5D"),
        Case("/\"<>^`", "/%22%3C%3E%5E%60"),
    ]

    private static let refused: [Case] = [
        // No path.
        "a", "a/b", "?", "?a", "**", "http://a/", "%2Fa", ".", "..", " /",
        // Above the root.
        "/..", "/../", "/../a", "/./..", "/a/../..", "/a/../../b", "/%2e%2e", "/%2e%2e/etc/passwd", "/a//../..", "//..",
        "/a/b/../../../c", "/.//../a",
        // Encoded separators.
        "/a%2fb", "/a%2Fb", "/%2f", "/..%2f", "/a/..%2fadmin", "/%2e%2e%2fadmin", "/a%5cb", "/a%5Cb",
        "/..%5c..%5cadmin",
        "/a\\b", "/\\", "/a/..\\admin", "\\a",
        // Overlong slash, dot and backslash.
        "/%c0%af", "/%C0%AE%C0%AE/", "/%c1%9c", "/%e0%80%af", "/%f0%80%80%af", "/a/%c0%ae%c0%ae/b",
        // Bad percent.
        "/%", "/%2", "/%zz", "/a%", "/a%2/b", "/%%32e", "/%u002e", "/%u2216", "/%-1", "/%+1", "/% 1", "/%2é",
        "/%\u{ff12}e",
        // Control characters.
        "/%00", "/a%00.html", "/admin%00", "/%0a", "/%0d%0aHost:x", "/%09", "/%1f", "/%7f", "/..%00/", "/..%09/",
        "/a\tb",
        "/a\0", "/a b", "/a\r\nb", "/\u{7f}",
        // Bytes that must be encoded, and a fragment.
        "/é", "/\u{202e}a", "/a\u{301}", "/\u{ff0f}", "/a#b", "/#", "/a?b#c", "/a?b c", "/a?\r\n", "/a?\0",
        // Dots that servlet containers see and others do not.
        "/..;", "/..;/", "/..;x/admin", "/public/..;/admin", "/a/.;/b", "/.;x=1", "/a/%2e%2e;/b", "/a/..%3b/b",
        "/a/..%3Bx/b",
        "/a/.%2e;x=y/b",
    ].map { Case($0, nil) }

    @Test("every target has one normal form, or none", arguments: same + changed + refused)
    func table(item: Case) {
        #expect(Self.normal(item.target) == item.normal)
        if let normal = item.normal { #expect(Self.normal(normal) == normal) }
    }

    @Test("a refusal says why")
    func reasons() {
        let expected = [
            ("a", "the path does not begin with a slash"), ("/../a", "the path climbs above the root"),
            ("/%2f", "the path holds an encoded slash or backslash"), ("/a\\b", "the path holds a backslash"),
            ("/%00", "the path holds an encoded control character"),
            ("/..;/", "the path holds a dot segment with parameters"),
            ("/%zz", "the path holds a % that two hexadecimal digits do not follow"),
            ("/%c0%af", "the path holds an overlong form of UTF-8"),
            ("/é", "the path holds a byte that must be encoded"),
            ("/a#b", "the target holds a fragment"), ("/?\n", "the query holds a character that must be encoded"),
        ]
        for (target, sentence) in expected {
            #expect(throws: PathRefusal(sentence: sentence)) { try NormalPath.normalise(target) }
        }
    }

    @Test("what is normal stays so, has no second reading, and keeps its query", arguments: [1, 2, 3, 4] as [UInt64])
    func property(seed: UInt64) throws {
        let pieces = [
            "/", "//", ".", "..", "%2e", "%2E%2e", "%2f", "%", "%25", "%61", "%c0", "%af", "%00", "a", "b", ";", ";x=1",
            "%3b",
            "?", "q", "\\", "é", "|", "~", "%e2%82%ac", "[", "%7e", "#", "2e", "2f",
        ]
        var random = SeededRandom(seed: seed)
        var accepted = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...9, using: &random)
            let target = "/" + (0..<count).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            guard let normal = Self.normal(target) else { continue }
            accepted += 1
            #expect(Self.normal(normal) == normal, "\(target) with seed \(seed)")
            let path = normal.prefix { $0 != "?" }
            let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
            #expect(!segments.contains(".") && !segments.contains("..") && !path.contains("//"), "\(target)")
            #expect(!segments.dropLast().contains(""), "\(target)")
            #expect(path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\\") }, "\(target)")
            for bad in ["%2F", "%5C", "%2E", "%61", "%7E", "%00"] { #expect(!path.contains(bad), "\(target)") }
            #expect(target.drop { $0 != "?" } == normal.drop { $0 != "?" }, "\(target)")
        }
        #expect(accepted > 2000)
    }

    @Test("the examples of docs/paths.md are true")
    func page() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/paths.md")
            .standardized
        let text = try String(contentsOf: path, encoding: .utf8)
        var examples = 0
        for line in text.split(separator: "\n") {
            guard let match = line.firstMatch(of: #/^\| `([^`]+)` \| (?:`([^`]+)`|400: (.+?)) \|$/#) else { continue }
            examples += 1
            do throws(PathRefusal) {
                let normal = try NormalPath.normalise(String(match.1))
                #expect(match.2.map(String.init) == normal, "\(line)")
            } catch {
                #expect(match.3.map(String.init) == error.sentence, "\(line)")
            }
        }
        #expect(examples >= 20)
    }
}
