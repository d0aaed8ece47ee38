// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What is measured under load.
enum Figure: String, CaseIterable, Codable, CodingKeyRepresentable {
    /// Small requests on 50 connections, as fast as answers come.
    case small
    /// The same at 1,000 requests a second.
    case steady
    /// A connection for each request.
    case connections
    /// Large answers on 4 connections.
    case bulk

    var title: String {
        switch self {
        case .small: "small requests, 50 connections"
        case .steady: "small requests, 50 connections, 1,000 a second"
        case .connections: "a new connection for each request, 8 at a time"
        case .bulk: "bulk, 4 connections"
        }
    }

    /// A pool makes no difference to connections that stay.
    var contenders: [Contender] {
        self == .connections ? Contender.allCases : Contender.allCases.filter { $0 != .weftNoPool }
    }

    /// The words that `load` wants.
    func load(_ contender: Contender, seconds: Double) -> [String] {
        let (kind, connections, bytes, rate): (LoadShape.Kind, Int, Int, Int) =
            switch self {
            case .small: (.requests, 50, Wire.smallByteCount, 0)
            case .steady: (.requests, 50, Wire.smallByteCount, 1_000)
            // Fewer than the pool keeps for one sidecar, so that it can be warm; two processors are busy with them.
            case .connections: (.connections, 8, Wire.smallByteCount, 0)
            case .bulk: (.requests, 4, 32 << 20, 0)
            }
        return ["load", kind.rawValue, contender.address, "\(connections)", "\(bytes)", "\(seconds)", "\(rate)"]
    }
}
