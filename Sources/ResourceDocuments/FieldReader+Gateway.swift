// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// `kind: Gateway`, as the Gateway API writes it, apart from the certificates, which are files here; `docs/gateway.md` says
/// what of it is read.
extension FieldReader {
    mutating func gateway() -> Gateway? {
        let metadata = metadata()
        return require("spec") { value in
            value.mapping { fields in
                // Whatever class it has, it is this proxy that serves it.
                _ = fields.read("gatewayClassName") { $0.text }
                let addresses = fields.read("addresses") { $0.list { $0.gatewayAddress } } ?? []
                let listeners = fields.require("listeners") { value in
                    if case .sequence(let nodes) = value.node.content, nodes.isEmpty {
                        value.complain(.badValue, "is empty", "give at least one")
                    }
                    return value.list { $0.listener }
                }
                fields.complainOfTwinWords((listeners ?? []).map(\.name.text), in: "listeners", what: "name")
                fields.complainOfTwinWords(addresses.map(\.description), in: "addresses", what: "address")
                guard let metadata, let listeners else { return nil }
                return Gateway(reference: metadata.reference, addresses: addresses, listeners: listeners)
            }
        }
    }

    /// What stands under `tls`, as far as it fits the protocol.
    fileprivate mutating func certificates(of transport: Gateway.TransportProtocol?) -> [Gateway.Certificate] {
        let found = read("tls") { value in
            guard transport != .http, transport != .tcp else {
                value.complain(
                    .conflict, "a listener of `protocol: \(transport?.rawValue ?? "")` has no TLS",
                    "write `protocol: HTTPS` or `TLS`, or remove it")
                return [Gateway.Certificate]()
            }
            return value.listenerTLS(transport)
        }
        if found == nil, !contains("tls"), transport?.isSecure == true {
            complain(
                .missingField, "a listener of `protocol: \(transport?.rawValue ?? "")` needs `tls`",
                transport == .tls
                    ? "add `tls: {mode: Passthrough}`" : "add `tls: {certificates: [{chain: FILE, key: FILE}]}`")
        }
        return found ?? []
    }
}

extension Value {
    /// `10.0.0.1`, or `{type: IPAddress, value: 10.0.0.1}`. Loopback is an address like others to a gateway.
    fileprivate var gatewayAddress: IPAddress? {
        guard case .mapping = node.content else { return boundAddress }
        return mapping { fields in
            _ = fields.read("type") { value in
                value.scalar("`IPAddress`, the only type there is") { $0 == "IPAddress" ? $0 : nil }
            }
            return fields.require("value") { $0.boundAddress }
        }
    }

    private var boundAddress: IPAddress? {
        guard let address = scalar("an IPv4 or IPv6 address", { IPAddress($0) }) else { return nil }
        guard !address.isMulticast, !address.isLinkLocal else {
            complain(.badValue, "\(address) is a multicast or link-local address", "give another one")
            return nil
        }
        return address
    }

    fileprivate var listener: Gateway.Listener? {
        mapping { fields in
            let name = fields.require("name") { $0.resourceName }
            let port = fields.require("port") { $0.port }
            let transport = fields.require("protocol") { $0.choice(Gateway.TransportProtocol.self) }
            let hostname = fields.read("hostname") { value in
                if transport == .tcp {
                    value.complain(.conflict, "nothing in TCP tells the host", "remove it")
                }
                return value.hostPattern
            }
            let certificates = fields.certificates(of: transport)
            let allowed = fields.read("allowedRoutes") { $0.allowedRoutes(transport) }
            guard let name, let port, let transport else { return nil }
            return Gateway.Listener(
                name: name, port: port, transport: transport, hostname: hostname, certificates: certificates,
                namespaces: allowed?.namespaces ?? .same, kinds: allowed?.kinds)
        }
    }

    fileprivate func listenerTLS(_ transport: Gateway.TransportProtocol?) -> [Gateway.Certificate]? {
        mapping { fields in
            let mode = fields.value("mode")
            let terminates = (mode?.choice(TLSMode.self) ?? .terminate) == .terminate
            fields.value("certificateRefs")?.complain(
                .unknownField, "there are no Secrets here",
                "name files: `certificates: [{chain: FILE, key: FILE}]`")
            let list = fields.value("certificates")
            let certificates = list?.list { $0.certificateFiles }
            let isEmpty = if case .sequence(let nodes) = list?.node.content { nodes.isEmpty } else { list == nil }
            switch transport {
            case .https:
                if !terminates {
                    mode?.complain(
                        .conflict, "HTTPS cannot be read without ending its TLS",
                        "write `protocol: TLS` to pass it on, or `mode: Terminate`")
                } else if isEmpty {
                    fields.complain(
                        .missingField, "there is no certificate", "add `certificates: [{chain: FILE, key: FILE}]`")
                }
            case .tls:
                if terminates {
                    fields.complain(
                        .conflict, "a listener of `protocol: TLS` passes TLS on, and ends none",
                        "write `mode: Passthrough`, or `protocol: HTTPS`")
                } else if list != nil {
                    fields.complain(.conflict, "TLS that is passed on needs no certificate here", "remove it")
                }
            case .http, .tcp, nil: break
            }
            return certificates ?? []
        }
    }

    private var certificateFiles: Gateway.Certificate? {
        mapping { fields in
            let chain = fields.require("chain") { $0.filePath }
            let key = fields.require("key") { $0.filePath }
            guard let chain, let key else { return nil }
            return Gateway.Certificate(chain: chain, key: key)
        }
    }

    fileprivate func allowedRoutes(
        _ transport: Gateway.TransportProtocol?
    ) -> (namespaces: Gateway.RouteNamespaces, kinds: Set<String>?)? {
        mapping { fields in
            var namespaces = Gateway.RouteNamespaces.same
            fields.section("namespaces") { fields in
                fields.assign("from", to: &namespaces) { $0.choice(Gateway.RouteNamespaces.self) }
            }
            let kinds = fields.read("kinds") { $0.list { $0.allowedKind(transport) } }
            return (namespaces, kinds.flatMap { $0.isEmpty ? nil : Set($0) })
        }
    }

    private func allowedKind(_ transport: Gateway.TransportProtocol?) -> String? {
        mapping { fields in
            _ = fields.read("group") { value in
                value.scalar("`gateway.networking.k8s.io`") { $0 == "gateway.networking.k8s.io" ? $0 : nil }
            }
            return fields.require("kind") { value in
                let known = (transport?.routeKinds ?? []).sorted()
                return value.scalar("one of \(known.joined(separator: ", ")), which this protocol takes") {
                    known.contains($0) ? $0 : nil
                }
            }
        }
    }
}

private enum TLSMode: String, CaseIterable {
    case terminate = "Terminate"
    case passthrough = "Passthrough"
}
