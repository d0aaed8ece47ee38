// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import MeshModel

extension API {
    var calls: [Endpoint] {
        [
            Endpoint(
                method: .post, path: "/v1/can", role: .view,
                summary: "Whether a call would be allowed, by which rule, and where it leads.",
                body: .json(
                    .object([
                        "from": .text, "to": .text, "port?": .integer, "method?": .text, "path?": .text, "host?": .text,
                        "headers?": .list(.object(["name": .text, "value": .text])),
                    ])), bodyLimit: 64 << 10, answer: .json(Self.callAnswer)
            ) { call, _ throws(Problems) in
                let reader = try await call.object()
                return try await single { () async throws(Problem) in
                    .call(try await plane.answer(try CallQuestion(reader)))
                }
            }
        ]
    }
}

extension API {
    fileprivate static let callAnswer = Schema.object([
        "revision": .integer, "allowed": .truth, "identity?": .text,
        "ports": .list(
            .object([
                "port": .integer, "allowed": .truth, "route?": .text, "obstacle?": .text, "redirected": .truth,
                "backends": .list(.object(["service": .text, "port": .integer, "weight": .integer])),
                "endpoints": .list(
                    .object([
                        "service": .text, "workload": .text, "port": .integer, "allowed": .truth, "reason": .text,
                        "audit?": .text, "connected": .truth,
                    ])),
            ])),
    ])
}

extension CallQuestion {
    fileprivate init(_ reader: MessageReader) throws(Problem) {
        let caller: Caller = try reader.value("from", "a workload, a service, a SPIFFE ID or `nobody`", atMost: 2048) {
            if $0 == "nobody" { return .anonymous }
            return SPIFFEID($0).map { .identity($0) } ?? ResourceReference(loose: $0).map { .name($0) }
        }
        let service = try reader.value("to", "a service such as default/api") { ResourceReference(loose: $0) }
        self.init(caller: caller, service: service)
        if reader.contains("port") { port = Port(try reader.number("port", atMost: 65_535)) }
        guard reader.contains("method") || reader.contains("path") else { return }
        let headers = try reader.objects("headers", atMost: 100) { reader throws(Problem) in
            (name: try reader.text("name"), value: try reader.text("value", atMost: 8192))
        }
        request = Request(
            method: try reader.optionalText("method") ?? "GET",
            target: try reader.optionalText("path", atMost: 8192) ?? "/",
            host: try reader.optionalText("host"), headers: headers)
    }
}

extension ResourceReference {
    /// `namespace/name`, or a name alone in the default namespace.
    fileprivate init?(loose text: String) {
        if let whole = ResourceReference(text) {
            self = whole
        } else {
            guard let name = ResourceName(text) else { return nil }
            self.init(name: name)
        }
    }
}

extension Answer {
    fileprivate static func call(_ answer: CallAnswer) -> Answer {
        .object { json in
            json.field("revision", answer.revision)
            json.field("allowed", answer.isAllowed)
            json.field("identity", ifPresent: answer.identity?.description)
            json.key("ports")
            json.array(answer.ports) { json, port in json.object { $0.fields(port) } }
        }
    }
}

extension JSONWriter {
    fileprivate mutating func fields(_ port: CallAnswer.PortAnswer) {
        field("port", port.port.number)
        field("allowed", port.isAllowed)
        field("route", ifPresent: port.rule)
        field("obstacle", ifPresent: port.obstacle)
        field("redirected", port.isRedirected)
        key("backends")
        array(port.backends) { json, backend in
            json.object { json in
                json.field("service", backend.service.description)
                json.field("port", backend.port.number)
                json.field("weight", backend.weight)
            }
        }
        key("endpoints")
        array(port.endpoints) { json, endpoint in
            json.object { json in
                json.field("service", endpoint.service.description)
                json.field("workload", endpoint.workload.description)
                json.field("port", endpoint.port.number)
                json.field("allowed", endpoint.isAllowed)
                json.field("reason", endpoint.reason)
                json.field("audit", ifPresent: endpoint.auditReason)
                json.field("connected", endpoint.isConnected)
            }
        }
    }
}
