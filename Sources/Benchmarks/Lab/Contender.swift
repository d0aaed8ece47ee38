// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Who is compared.
enum Contender: String, CaseIterable, Codable, CodingKeyRepresentable {
    case weft
    /// The same with `limits.idlePeers: 0`: a handshake for every connection of the application.
    case weftNoPool = "weft-no-pool"
    /// The requests of HTTP by the path of what has no route.
    case weftOpaque = "weft-opaque"
    case haproxy
    case nginx
    /// No proxy at all.
    case direct

    /// What the client dials.
    func address(_ speech: Speech) -> String {
        switch (self, speech) {
        case (.direct, _): Place.direct
        case (_, .tcp), (.weftOpaque, _): Place.captured
        case (_, .http1), (_, .http2): Place.service
        }
    }

    /// What idle connections of it are held to see the memory they take.
    var heldSpeeches: [Speech] {
        switch self {
        case .weft, .haproxy: [.tcp, .http2]
        case .nginx: [.tcp]
        case .weftNoPool, .weftOpaque, .direct: []
        }
    }

    /// The program of one hop, `client` or `server`.
    func words(_ side: String, _ speech: Speech, _ programs: Programs) -> [String] {
        let name = speech == .tcp ? side : "\(speech.rawValue)-\(side)"
        return switch self {
        case .weft, .weftOpaque:
            [
                programs.weftProxy, "run", "--config",
                "\(programs.configurations)/weft-\(speech != .tcp && side == "client" ? "routes-" : "")\(side).yaml",
            ]
        case .weftNoPool:
            [
                programs.weftProxy, "run", "--config",
                "\(programs.configurations)/weft-\(side)\(side == "client" ? "-no-pool" : "").yaml",
            ]
        case .haproxy: ["haproxy", "-db", "-q", "-f", "\(programs.configurations)/haproxy-\(name).cfg"]
        case .nginx:
            [
                "nginx", "-p", "\(Place.directory)/nginx-\(side)", "-c",
                "\(programs.configurations)/nginx-\(name).conf",
                "-e", "stderr", "-g", "daemon off;",
            ]
        case .direct: []
        }
    }
}

/// Where the programs and files lie.
struct Programs {
    let weft: String
    let weftInit: String
    let weftProxy: String
    /// This program, for its children.
    let benchmark: String
    let configurations: String
}
