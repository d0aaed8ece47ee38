// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Detection
import MeshTesting
import Testing

/// The judgement as a test can compare it.
func classify(_ bytes: some Sequence<UInt8>) -> ClientHelloVerdict {
    let bytes = Array(bytes)
    return ClientHello.classify(bytes.span.bytes)
}

@Suite("Is it a ClientHello, and is it ours")
struct ClientHelloTests {
    /// A whole hello and what is to be read out of it.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let bytes: [UInt8]
        let serverName: String?
        let offersWeft: Bool

        init(_ name: String, _ bytes: [UInt8], serverName: String? = nil, offersWeft: Bool = false) {
            testDescription = name
            self.bytes = bytes
            self.serverName = serverName
            self.offersWeft = offersWeft
        }

        func isMet(by verdict: ClientHelloVerdict) -> Bool {
            guard case .complete(let hello) = verdict else { return false }
            return hello.serverName == serverName && hello.offersWeft == offersWeft
        }
    }

    private static let ours = ClientHelloRecipe(protocols: ["weft/1"])
    private static let web = ClientHelloRecipe(serverName: "api.example", protocols: ["h2", "http/1.1"])

    /// What `openssl s_client -tls1_3 -servername api.example -alpn h2,weft/1` of OpenSSL 3.0 sends.
    private static let openSSL = bytes(
        """
        1603010100010000fc0303d777871709843d8993f2d7e7f479dc9c48f7dad02a294a55b7f6af5175b8bf97200d9f57151ccf602c5776970d
        cf62c1e743606b2bd00806e7a690d9b0b00898e3000813021303130100ff010000ab00000010000e00000b6170692e6578616d706c65000b
        000403000102000a00160014001d0017001e0019001801000101010201030104002300000010000c000a02683206776566742f3100160000
        00170000000d001e001c040305030603080708080809080a080b080408050806040105010601002b0003020304002d000201010033002600
        24001d00202671b0c29c5db6ebc95b5904e0c7f66918624477175fd2a8ef98dd05ad334378
        """)

    static let cases = [
        Case("ours", ours.bytes, offersWeft: true),
        Case("ours among others", ClientHelloRecipe(protocols: ["h2", "weft/1", "x"]).bytes, offersWeft: true),
        Case("a browser's", web.bytes, serverName: "api.example"),
        Case("by OpenSSL", openSSL, serverName: "api.example", offersWeft: true),
        Case("without extensions", ClientHelloRecipe().bytes),
        Case(
            "with a post-quantum share", ClientHelloRecipe(protocols: ["weft/1"], padding: 1500).bytes, offersWeft: true
        ),
        Case("a name that only begins like ours", ClientHelloRecipe(protocols: ["weft/10", "weft/", "WEFT/1"]).bytes),
        Case("a server name with a blank is none", ClientHelloRecipe(serverName: "a b", protocols: []).bytes),
        Case(
            "a server name of 254 bytes is none",
            ClientHelloRecipe(serverName: String(repeating: "a", count: 254)).bytes),
        Case(
            "a server name of 253 bytes", ClientHelloRecipe(serverName: String(repeating: "a", count: 253)).bytes,
            serverName: String(repeating: "a", count: 253)),
        Case("in records of one byte", ours.fragmented([1]), offersWeft: true),
        Case("in records of three bytes", web.fragmented([3]), serverName: "api.example"),
        Case("a header of its own", ours.fragmented([4, 1000]), offersWeft: true),
        Case("in records of 1, 5 and 40 bytes", web.fragmented([1, 5, 40]), serverName: "api.example"),
    ]

    @Test("a whole one is read", arguments: cases)
    func whole(_ item: Case) {
        #expect(item.isMet(by: classify(item.bytes)))
    }

    @Test("every prefix asks for more, and whatever follows changes nothing", arguments: cases)
    func prefixes(_ item: Case) {
        for count in 0..<item.bytes.count {
            #expect(classify(item.bytes.prefix(count)) == .needMoreBytes, "\(count) of \(item.bytes.count) bytes")
        }
        for more in [[0], [22, 3, 3, 0, 1, 0], Array("GET / HTTP/1.1\r\n".utf8)] {
            #expect(item.isMet(by: classify(item.bytes + more)))
        }
    }

    struct Foreign: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Up to the byte that tells.
        let bytes: [UInt8]

        init(_ name: String, _ bytes: [UInt8]) {
            testDescription = name
            self.bytes = bytes
        }
    }

    @Test(
        "what it is not is said at the first byte that tells",
        arguments: [
            Foreign("an alert", [21]), Foreign("application data", [23]), Foreign("HTTP", [71]),
            Foreign("SSH", [83]), Foreign("SSL 2", [0x80]), Foreign("version 2.x", [22, 2]),
            Foreign("version 3.5", [22, 3, 5]), Foreign("an empty record", [22, 3, 1, 0, 0]),
            Foreign("a record of 16385 bytes", [22, 3, 1, 0x40, 1]), Foreign("a ServerHello", [22, 3, 3, 0, 9, 2]),
            Foreign("a second record that is an alert", [22, 3, 1, 0, 1, 1, 21]),
            Foreign("an empty second record", [22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 0]),
        ])
    func foreign(_ item: Foreign) {
        for count in 0..<item.bytes.count {
            #expect(classify(item.bytes.prefix(count)) == .needMoreBytes, "\(count) bytes")
        }
        #expect(classify(item.bytes) == .notTLS)
        #expect(classify(item.bytes + Array(repeating: 0, count: 20_000)) == .notTLS)
    }

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = hexadecimal.filter { !$0.isWhitespace }.utf8.map {
            UInt8(String(UnicodeScalar($0)), radix: 16) ?? 0
        }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
