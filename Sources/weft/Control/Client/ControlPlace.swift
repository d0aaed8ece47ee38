// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshModel

/// Where a control plane is spoken to.
enum ControlPlace: Hashable, CustomStringConvertible {
    /// The administrator's socket, on the machine of the control plane: who may open it, may do everything.
    case socket(String)
    /// The API over TLS, with a credential.
    case server(host: String, port: Int)

    static let standardSocket = "/var/lib/weft-control/control.sock"
    static let standardPort = 15010

    /// Reads `/path/control.sock`, `unix:/path` or `https://host[:port]`; nil for anything else.
    init?(_ text: String) {
        if text.hasPrefix("/") || text.hasPrefix("./") {
            self = .socket(text)
        } else if text.hasPrefix("unix:") {
            let path = text.dropFirst("unix:".count)
            guard !path.isEmpty else { return nil }
            self = .socket(String(path))
        } else {
            guard text.hasPrefix("https://"), let server = Self.server(text.dropFirst("https://".count)) else {
                return nil
            }
            self = server
        }
    }

    private static func server(_ text: Substring) -> ControlPlace? {
        let text = text.hasSuffix("/") ? text.dropLast() : text
        guard !text.contains(where: { "/?#@".contains($0) }) else { return nil }
        // An address of the join port and one of the API are written alike; only the usual port differs.
        guard let address = ControlAddress(text) else { return nil }
        let saysPort = text.hasPrefix("[") ? text.contains("]:") : text.contains(":")
        let host =
            switch address.host {
            case .address(let address): address.description
            case .name(let name): name.description
            }
        return .server(host: host, port: saysPort ? Int(address.port.number) : standardPort)
    }

    var description: String {
        switch self {
        case .socket(let path): path
        case .server(let host, let port): "https://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
    }
}
