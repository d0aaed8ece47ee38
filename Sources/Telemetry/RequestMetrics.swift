// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

extension ExpositionWriter {
    /// Stands for what found no room among the kinds that are told; no resource can have that name.
    private static let other = "_other"

    /// The metrics of requests.
    mutating func write(_ counters: RequestCounters) {
        write(
            .requests,
            Self.sorted(counters.finished.map { kind, count in (Self.labels(of: kind), String(count.total)) }))
        let services = counters.services
            .map { kind, traffic in
                (direction: kind.direction.rawValue, service: Self.service(kind.service, kind.isOther), traffic)
            }
            .sorted { ($0.direction, $0.service) < ($1.direction, $1.service) }
        write(
            .requestDuration,
            services.map { direction, service, traffic in
                ([("direction", direction), ("service", service)], traffic.durations)
            })
        write(
            .requestBytes,
            services.flatMap { direction, service, traffic -> [Sample] in
                [("received", traffic.requestBytes), ("sent", traffic.responseBytes)].map { flow, count in
                    ([("direction", direction), ("service", service), ("flow", flow)], String(count))
                }
            })
        write(
            .breakerRefusals,
            services.flatMap { _, service, traffic -> [Sample] in
                BreakerLimit.allCases.compactMap { limit in
                    traffic.refusals[limit].map { ([("service", service), ("limit", limit.rawValue)], String($0)) }
                }
            })
        write(.requestSeries, counters.finished.count)
        write(.requestSeriesEvicted, counters.evicted)
        write(.requestsOverflowed, counters.overflowed)
    }

    private static func labels(of kind: RequestCounters.Kind) -> [(name: String, value: String)] {
        [
            ("direction", kind.direction.rawValue), ("service", service(kind.service, kind.isOther)),
            ("route", kind.route ?? ""), ("peer", kind.peer?.description ?? ""), ("protocol", kind.spoken.rawValue),
            ("status", String(kind.status)), ("grpc_status", kind.grpcStatus.map { String($0) } ?? ""),
            ("outcome", kind.outcome.name), ("code", kind.outcome.label), ("security", kind.security),
        ]
    }

    private static func service(_ service: ResourceReference?, _ isOther: Bool) -> String {
        isOther ? other : service?.description ?? ""
    }

    private static func sorted(_ samples: [Sample]) -> [Sample] {
        samples.sorted { left, right in left.labels.map(\.value).lexicographicallyPrecedes(right.labels.map(\.value)) }
    }
}
