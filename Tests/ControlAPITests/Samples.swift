// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import MeshModel
import Testing

/// One of each message with its text.
enum Samples {
    static let hash = String(repeating: "0a", count: 32)

    static func update() throws -> Update {
        let digest = try #require(ResourceDigest(hash))
        let domain = try #require(TrustDomain("mesh.example"))
        return Update(
            sequence: 3, revision: 87, isWhole: true,
            resources: [ResourceText(id: "Service/default/api", digest: digest, text: #"{"kind":"Service"}"#)],
            removed: ["Service/default/old"],
            unknown: Wants(
                addresses: [try #require(IPAddress("10.1.2.3"))], names: [try #require(ServiceName("nosuch"))]),
            namespaces: [try #require(ResourceName("default")), try #require(ResourceName("prod"))],
            trust: [domain: "PEM\n"], retired: [domain: "OLD\n"],
            denied: DeniedPeers(
                serials: ["0a1b"], identities: [try #require(SPIFFEID("spiffe://mesh.example/ns/default/sa/x"))]),
            checkpoint: Checkpoint(body: "{}", signature: "AAE=", chain: "PEM"))
    }

    static func cases() throws -> [RoundTripTests.Case] {
        let digest = try #require(ResourceDigest(hash))
        let domain = try #require(TrustDomain("mesh.example"))
        let time = try #require(WallTime(timestamp: "2026-11-21T05:25:00Z"))
        let workload = ResourceReference(name: try #require(ResourceName("api-1")))
        let identity = try #require(SPIFFEID("spiffe://mesh.example/ns/default/sa/x"))
        let watch = String(repeating: "c0ffee00", count: 4)
        let request = WatchRequest(
            version: "0.1.0", workload: workload, instance: "0123456789abcdef",
            addresses: [try #require(IPAddress("10.0.0.2")), try #require(IPAddress("fd00::2"))],
            unmeshedPorts: [.known(9090)], locality: "zone-a", have: .init(revision: 87, digests: ["a": digest]),
            wants: Wants(
                addresses: [try #require(IPAddress("10.96.0.10"))],
                names: [try #require(ServiceName("api")), try #require(ServiceName("db.prod"))]))
        var empty = WatchRequest(version: "0.1.0", workload: workload, instance: "0123456789abcdef", addresses: [])
        empty.isLeaving = true
        let contents = Checkpoint.Contents(proxy: workload, revision: 87, time: time, digests: ["id": digest])
        return [
            .init(
                request,
                #"{"protocol":1,"version":"0.1.0","name":"api-1","namespace":"default","instance":"0123456789abcdef","#
                    + #""addresses":["10.0.0.2","fd00::2"],"unmeshedPorts":[9090],"locality":"zone-a","#
                    + #""have":{"revision":87,"digests":{"a":"\#(hash)"}},"#
                    + #""wants":{"addresses":["10.96.0.10"],"names":["api","db.prod"]}}"#),
            .init(
                empty,
                #"{"protocol":1,"version":"0.1.0","name":"api-1","namespace":"default","instance":"0123456789abcdef","#
                    + #""addresses":[],"unmeshedPorts":[],"have":{},"wants":{"addresses":[],"names":[]},"#
                    + #""leaving":true}"#),
            .init(
                WatchMessage.welcome(.init(watch: watch, replica: "control-1", time: time)),
                #"{"type":"welcome","protocol":1,"watch":"\#(watch)","replica":"control-1","#
                    + #""time":"2026-11-21T05:25:00.000Z","heartbeatSeconds":10}"#),
            .init(
                WatchMessage.update(try update()),
                #"{"type":"update","sequence":3,"revision":87,"whole":true,"#
                    + #""resources":[{"id":"Service/default/api","digest":"\#(hash)","text":"{\"kind\":\"Service\"}"}],"#
                    + #""removed":["Service/default/old"],"unknown":["10.1.2.3","nosuch"],"#
                    + #""namespaces":["default","prod"],"trust":{"mesh.example":"PEM\n"},"#
                    + #""retired":{"mesh.example":"OLD\n"},"#
                    + #""denied":{"serials":["0a1b"],"identities":["spiffe://mesh.example/ns/default/sa/x"]},"#
                    + #""checkpoint":{"body":"{}","signature":"AAE=","chain":"PEM"}}"#),
            .init(
                WatchMessage.update(Update(sequence: 1, revision: 0, isWhole: false)),
                #"{"type":"update","sequence":1,"revision":0,"whole":false,"resources":[],"removed":[],"unknown":[]}"#),
            .init(WatchMessage.heartbeat(time), #"{"type":"heartbeat","time":"2026-11-21T05:25:00.000Z"}"#),
            .init(WatchMessage.logLevel(.debug), #"{"type":"logLevel","level":"debug"}"#),
            .init(WatchMessage.renew, #"{"type":"renew"}"#),
            .init(WatchMessage.heard(7), #"{"type":"heard","number":7}"#),
            .init(
                ProxyMessage(number: 7, .acknowledge(Acknowledgement(sequence: 3, revision: 87))),
                #"{"type":"acknowledge","number":7,"said":{"sequence":3,"revision":87}}"#),
            .init(
                ProxyMessage(number: 8, .wants(Wants())),
                #"{"type":"wants","number":8,"said":{"addresses":[],"names":[]}}"#),
            .init(ProxyMessage(number: 9, .unknown(type: "dance")), #"{"type":"dance","number":9}"#),
            .init(WatchMessage.goodbye(reason: "it ends"), #"{"type":"goodbye","reason":"it ends"}"#),
            .init(
                contents,
                #"{"proxy":"default/api-1","revision":87,"time":"2026-11-21T05:25:00.000Z","digests":{"id":"\#(hash)"}}"#
            ),
            .init(Acknowledgement(sequence: 3, revision: 87), #"{"sequence":3,"revision":87}"#),
            .init(
                Acknowledgement(
                    sequence: 3, revision: 87,
                    rejected: [.init(resource: "HTTPRoute/default/x", path: "spec", code: "WEFT1002", message: "m")]),
                #"{"sequence":3,"revision":87,"rejected":[{"resource":"HTTPRoute/default/x","path":"spec","#
                    + #""code":"WEFT1002","message":"m"}]}"#),
            .init(CertificateRequestMessage(csr: "PEM"), #"{"csr":"PEM"}"#),
            .init(
                CertificateAnswer(chain: "PEM", trust: [domain: "R"], notAfter: time),
                #"{"chain":"PEM","trust":{"mesh.example":"R"},"notAfter":"2026-11-21T05:25:00.000Z"}"#),
            .init(JoinRequest(token: "weft1.x", csr: "PEM"), #"{"token":"weft1.x","csr":"PEM"}"#),
            .init(
                JoinAnswer(
                    workload: workload, identity: identity, chain: "PEM", trust: [domain: "R"],
                    control: [try #require(ControlAddress("10.0.0.1")), try #require(ControlAddress("a.example:1"))]),
                #"{"name":"api-1","namespace":"default","identity":"spiffe://mesh.example/ns/default/sa/x","chain":"PEM","#
                    + #""trust":{"mesh.example":"R"},"control":["10.0.0.1:15012","a.example:1"]}"#),
            .init(RenewChallengeRequest(certificate: "PEM"), #"{"certificate":"PEM"}"#),
            .init(RenewChallenge(nonce: "AAE="), #"{"nonce":"AAE="}"#),
            .init(
                RenewRequest(certificate: "P", nonce: "AAE=", csr: "C", signature: "AA=="),
                #"{"certificate":"P","nonce":"AAE=","csr":"C","signature":"AA=="}"#),
            .init(
                ErrorAnswer(code: "WEFT4101", message: "m", remedy: "r"),
                #"{"code":"WEFT4101","message":"m","remedy":"r"}"#),
        ]
    }
}
