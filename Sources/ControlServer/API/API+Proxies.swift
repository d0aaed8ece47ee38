// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import ControlAPI
internal import ControlPlane
internal import HTTPTypes
internal import MeshModel

extension API {
    var proxies: [Endpoint] {
        [
            Endpoint(
                method: .get, path: "/v1/proxies", role: .view,
                summary: "The proxies that are connected, and how far they are.",
                answer: .json(
                    .object([
                        "revision": .integer,
                        "proxies": .list(
                            .object([
                                "name": .text, "namespace": .text, "instance": .text, "identity": .text,
                                "version": .text, "replica": .text, "since": .moment, "addresses": .list(.text),
                                "synced": .truth, "sentRevision?": .integer, "acknowledgedRevision?": .integer,
                                "resources?": .integer,
                                "rejected?": .object(["revision": .integer, "reasons": .named("Rejections")]),
                            ])),
                    ]))
            ) {
                _, _ in
                let here = await plane.hub.status
                let index = await plane.index()
                let behind = await plane.behindElsewhere()
                let synced = Dictionary(here.map { ($0.instance, $0) }) { first, _ in first }
                let all = index.membership.connected.values.sorted {
                    ($0.workload, $0.instance) < ($1.workload, $1.instance)
                }
                return .object { json in
                    json.field("revision", index.state.revision)
                    json.key("proxies")
                    json.beginArray()
                    for registration in all {
                        json.object { json in
                            json.field("name", registration.workload.name.text)
                            json.field("namespace", registration.workload.namespace.text)
                            json.field("instance", registration.instance)
                            json.field("identity", registration.identity.description)
                            json.field("version", registration.version)
                            json.field("replica", registration.replica.text)
                            json.field("since", registration.since.description)
                            json.key("addresses")
                            json.array(registration.addresses) { $0.string($1.description) }
                            if let status = synced[registration.instance] {
                                json.fields(status)
                            } else {
                                json.field("synced", !behind.contains(registration.instance))
                            }
                        }
                    }
                    json.endArray()
                }
            },
            Endpoint(
                method: .get, path: "/v1/proxies/{namespace}/{name}/config", role: .view,
                summary: "What a proxy has been told.", answer: .json(.object(["resources": .list(.resource)]))
            ) { call, _ throws(Problems) in
                let workload = try workload(call)
                guard let documents = await plane.hub.documents(of: workload) else {
                    throw Problems(Self.unknown(workload))
                }
                return .object { json in
                    json.key("resources")
                    json.array(documents) { json, document in json.raw(document.text) }
                }
            },
            Endpoint(
                method: .post, path: "/v1/proxies/{namespace}/{name}/log", role: .operate,
                summary: "Sets how much a proxy logs.",
                body: .json(.object(["level": .choice(["error", "warn", "info", "debug", "trace"])])),
                answer: .nothing
            ) { call, _ throws(Problems) in
                let workload = try workload(call)
                let reader = try await call.object()
                let level = try await single { () throws(Problem) in
                    try reader.value("level", "one of error, warn, info, debug, trace") {
                        LogSettings.Level(rawValue: $0)
                    }
                }
                guard await plane.hub.send(.logLevel(level), to: workload) else {
                    throw Problems(Self.unknown(workload))
                }
                return .nothing
            },
            Endpoint(
                method: .get, path: "/v1/services", role: .view, summary: "The services, with what is behind them.",
                query: [.text("namespace", "Only those of this namespace.")],
                answer: .json(
                    .object([
                        "services": .list(
                            .object([
                                "name": .text, "namespace": .text, "addresses": .list(.text),
                                "ports": .list(.integer),
                                "endpoints": .list(.object(["workload": .text, "connected": .truth])),
                            ]))
                    ]))
            ) { call, _ in
                let namespace = call.query("namespace")
                let index = await plane.index()
                let ids = index.state.documents.keys.filter {
                    $0.kind == .service && (namespace == nil || $0.reference.namespace.text == namespace)
                }
                return .object { json in
                    json.key("services")
                    json.array(ids.sorted()) { $0.service($1.reference, index) }
                }
            },
        ]
    }
}

extension JSONWriter {
    fileprivate mutating func fields(_ status: WatchHub.ProxyStatus) {
        field("sentRevision", status.sentRevision)
        field("acknowledgedRevision", status.acknowledgedRevision)
        field("synced", status.isSynced)
        field("resources", status.resourceCount)
        guard let rejection = status.rejection else { return }
        key("rejected")
        object { json in
            json.field("revision", rejection.revision)
            json.key("reasons")
            json.array(rejection.reasons) { $1.write(into: &$0) }
        }
    }

    fileprivate mutating func service(_ reference: ResourceReference, _ index: MeshIndex) {
        object { json in
            json.field("name", reference.name.text)
            json.field("namespace", reference.namespace.text)
            json.key("addresses")
            json.array(index.addresses(of: reference)) { $0.string($1.description) }
            json.key("ports")
            json.array(index.service(reference)?.ports ?? []) { $0.number($1.port.number) }
            json.key("endpoints")
            json.array(index.endpoints(of: reference)) { json, workload in
                json.object { json in
                    json.field("workload", workload.description)
                    json.field("connected", index.registration(of: workload) != nil)
                }
            }
        }
    }
}
