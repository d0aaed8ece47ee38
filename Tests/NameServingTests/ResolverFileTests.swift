// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation
import MeshModel
import NameServing
import Testing

@Suite("/etc/resolv.conf")
struct ResolverFileTests {
    @Test("names resolvers as the C library reads them")
    func parse() {
        let text = """
            # nameserver 10.0.0.1
            search example.com
            nameserver 10.0.0.2
            nameserver\tfd00::53
            nameserver fe80::1%eth0
            nameserver 10.0.0.2
            nameserver example.com
            nameserver 224.0.0.251
            options ndots:5
            """
        #expect(ResolverFile.parse(text).map(\.description) == ["10.0.0.2:53", "[fd00::53]:53"])
        #expect(ResolverFile.parse("").isEmpty)
    }

    struct Case: CustomTestStringConvertible {
        let testDescription: String
        let file: String?
        let managed: String?
        let expected: [String]

        init(_ description: String, _ file: String?, _ managed: String?, _ expected: String...) {
            (testDescription, self.file, self.managed, self.expected) = (description, file, managed, expected)
        }
    }

    private static let stub = "nameserver 127.0.0.53\noptions edns0 trust-ad\n"

    @Test(
        "leads past the stub of systemd-resolved, and to this host where it says nothing",
        arguments: [
            Case("of a network", "nameserver 10.0.0.2\n", "nameserver 10.0.0.3\n", "10.0.0.2:53"),
            Case(
                "of systemd-resolved", stub, "nameserver 10.0.0.3\nnameserver fd00::3\n", "10.0.0.3:53", "[fd00::3]:53"),
            Case("of the other stub", "nameserver 127.0.0.54\n", "nameserver 10.0.0.3\n", "10.0.0.3:53"),
            Case("of a stub without servers", stub, "# none yet\n", "127.0.0.53:53"),
            Case("of a stub alone", stub, nil, "127.0.0.53:53"),
            Case(
                "of a stub and another", stub + "nameserver 10.0.0.2\n", "nameserver 10.0.0.3\n", "127.0.0.53:53",
                "10.0.0.2:53"),
            Case("of dnsmasq", "nameserver 127.0.0.1\n", "nameserver 10.0.0.3\n", "127.0.0.1:53"),
            Case("that is empty", "", nil, "127.0.0.1:53"), Case("that is not there", nil, nil, "127.0.0.1:53"),
        ])
    func files(_ example: Case) throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "weft-resolv-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let (file, managed) = (directory.appending(path: "resolv.conf"), directory.appending(path: "managed.conf"))
        try example.file?.write(to: file, atomically: true, encoding: .utf8)
        try example.managed?.write(to: managed, atomically: true, encoding: .utf8)
        let resolvers = ResolverFile.resolvers(path: file.path, managedPath: managed.path)
        #expect(resolvers.map(\.description) == example.expected)
    }
}
