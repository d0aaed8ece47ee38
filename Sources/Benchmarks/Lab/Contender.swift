// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Who is compared.
enum Contender: String, CaseIterable, Codable, CodingKeyRepresentable {
    case weft
    /// The same with `limits.idlePeers: 0`: a handshake for every connection of the application.
    case weftNoPool = "weft-no-pool"
    case haproxy
    case nginx
    /// No proxy at all.
    case direct

    var address: String { self == .direct ? Place.direct : Place.captured }

    /// The program of one hop, `client` or `server`.
    func words(_ side: String, _ programs: Programs) -> [String] {
        switch self {
        case .weft: [programs.weftProxy, "run", "--config", "\(programs.configurations)/weft-\(side).yaml"]
        case .weftNoPool:
            [
                programs.weftProxy, "run", "--config",
                "\(programs.configurations)/weft-\(side)\(side == "client" ? "-no-pool" : "").yaml",
            ]
        case .haproxy: ["haproxy", "-db", "-q", "-f", "\(programs.configurations)/haproxy-\(side).cfg"]
        case .nginx:
            [
                "nginx", "-p", "\(Place.directory)/nginx-\(side)", "-c",
                "\(programs.configurations)/nginx-\(side).conf",
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
