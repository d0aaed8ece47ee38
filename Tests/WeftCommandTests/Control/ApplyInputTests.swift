// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshTesting
import Testing

/// What people give `weft apply` by mistake, each with the message that helps.
@Suite("What is given to apply", .serialized)
struct ApplyInputTests {
    private let scene: ControlScene

    init() async throws {
        scene = try await ControlScene()
        try scene.write(ControlScene.shop, to: "shop.yaml")
    }

    private static func service(_ name: String, _ rest: String = "") -> String {
        "kind: Service\nmetadata: {name: \(name)}\nspec: {ports: [{port: 80}]\(rest)}\n"
    }

    /// Refused with these lines and no other, and nothing is written.
    private func expect(_ line: String, _ lines: String..., place: SourceLocation = #_sourceLocation) async throws {
        let result = try await scene.shell(line)
        #expect(result.status == 1 && result.output.isEmpty, "\(result)", sourceLocation: place)
        let expected = lines.map { "weft: " + $0.replacingOccurrences(of: "%", with: scene.directory) }
        #expect(result.error.split(separator: "\n").map(String.init) == expected, sourceLocation: place)
        let info = try await scene.shell("curl -s --unix-socket \(scene.socket) http://weft/v1/info")
        #expect(info.output.contains(#""revision":0,"#), "\(info)", sourceLocation: place)
    }

    @Test(
        "two bad documents: what one cannot say does not hide where the other leads; what hangs on the first waits for it"
    )
    func several() async throws {
        try scene.write(
            "kind: Service\nmetadata: {name: broken}\nspec: {prots: []}\n---\n"
                + Self.service("api", ", endpoints: [{workload: nobody}]"), to: "a.yaml")
        try scene.write(
            "kind: Policy\nmetadata: {name: p}\nspec: {target: {service: broken}, rules: [{effect: deny}]}\n---\n"
                + "kind: Policy\nmetadata: {name: q}\nspec: {target: {service: broken-too}, rules: [{effect: deny}]}\n",
            to: "b.yaml")
        try await expect(
            "weft apply -f %/a.yaml -f %/b.yaml", "WEFT1007 spec.ports (%/a.yaml:3:7): is missing",
            "WEFT1006 spec.prots (%/a.yaml:3:8): is not a field; did you mean `ports`?",
            "WEFT1013 %/a.yaml:5:1: Service default/api has the endpoint `workload: default/nobody`, which does not exist; "
                + "add a `kind: Workload` of that name",
            "WEFT1013 %/b.yaml:5:1: Policy default/q has the target `service: default/broken-too`, which does not exist; "
                + "add a `kind: Service` of that name")
    }

    @Test("nothing at all, as where the program before the pipe has failed")
    func nothing() async throws {
        try scene.write("# nothing\n---\n", to: "empty.yaml")
        let rest = ":1:1: there is no document in it; write at least one; `weft delete` takes resources out"
        try await expect("weft apply -f %/empty.yaml", "WEFT1012 %/empty.yaml\(rest)")
        try await expect("false | weft apply -f - --prune Service", "WEFT1012 standard input\(rest)")
    }

    @Test("the same resource twice, in one file or in two, also of the kinds that there is one of")
    func twice() async throws {
        try scene.write("# first\n" + Self.service("d"), to: "d.yaml")
        try scene.write("kind: Mesh\nspec: {}\n", to: "mesh.yaml")
        for (name, words, line) in [("d", "Service default/d", 2), ("mesh", "Mesh default/mesh", 1)] {
            try scene.write(try scene.text("\(name).yaml"), to: "again.yaml")
            try await expect(
                "weft apply -f %/shop.yaml -f %/\(name).yaml -f %/again.yaml",
                "WEFT1014 %/again.yaml:\(line):1: \(words) is there twice, the first time at %/\(name).yaml:\(line); "
                    + "keep one of them")
        }
    }

    @Test("more than is taken at once, by a file, standard input or several together; bytes that are no text; aliases")
    func hostile() async throws {
        try scene.write(String(repeating: "#", count: 12 << 20), to: "big.yaml")
        let large = "makes it more than 16 MiB, the most that is taken at once"
        let remedy = "apply it in parts, or look whether it is the right file"
        try await expect(
            "weft apply -f %/big.yaml -f %/shop.yaml -f %/big.yaml", "WEFT7015 %/big.yaml: \(large); \(remedy)")
        try await expect(
            "cat %/big.yaml %/big.yaml | weft apply -f -", "WEFT7015 standard input: \(large); \(remedy)")
        try await expect(
            #"printf 'kind: Service\nmetadata: {name: \377}\n' | weft apply -f -"#,
            "WEFT1005 standard input:2:18: invalid leading UTF-8 octet")
        try await expect(
            #"printf 'a: &a [x]\nb: [*a,*a]\n' | weft apply -f -"#,
            "WEFT1010 standard input:1:4: anchors are not read; write the value out")
    }

    @Test("a name that is nearly that of something is not taken for it, and said")
    func nearly() async throws {
        try scene.write(Self.service("name") + "---\n" + Self.service("gone"), to: "names.yaml")
        try #require(try await scene.weft("apply -f %/names.yaml").succeeded)
        let meant = [
            ("delete service nam", "did you mean `name`?"), ("get service nam", "did you mean `name`?"),
            ("delete service name -n shop", "did you mean `default/name`?"),
            ("delete service other", "`weft get service` lists what does"),
        ]
        for (line, words) in meant {
            let result = try await scene.weft(line)
            #expect(result.status == 1 && result.error.hasPrefix("weft: WEFT7011 "), "\(line): \(result)")
            #expect(result.error.hasSuffix("does not exist; \(words)\n"), "\(line): \(result)")
        }
        for (line, words) in [
            ("delete svc nam", "did you mean `Service`?"), ("get svc", "did you mean `services`?"),
            ("get polcy", "did you mean `policy`?"),
        ] {
            let result = try await scene.weft(line)
            #expect(result.status == 2 && result.error.contains(words), "\(line): \(result)")
        }
    }
}
