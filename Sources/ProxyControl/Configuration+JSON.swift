// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import MeshModel
internal import ResourceDocuments

/// The configuration in force, under the names that the file has. Paths of keys are told, keys never.
extension ProxySettings {
    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("workload", workload.description)
            if let identity {
                writer.key("identity")
                writer.object { writer in
                    writer.field("chain", identity.chain)
                    writer.field("key", identity.key)
                    writer.field("bundle", identity.bundle)
                }
            }
            if let control {
                writer.key("control")
                writer.object { writer in
                    writer.key("addresses")
                    writer.array(control.addresses) { $0.string($1.description) }
                    writer.key("joinAddresses")
                    writer.array(control.joining.addresses) { $0.string($1.description) }
                }
            }
            writer.field("locality", ifPresent: locality?.description)
            writer.key("ports")
            writer.object { writer in
                writer.field("outbound", ports.outbound.number)
                writer.field("inbound", ports.inbound.number)
                writer.field("metrics", ports.metrics.number)
            }
            writer.key("names")
            writer.object { writer in
                writer.field("enabled", ports.names != nil)
                if let port = ports.names { writer.field("port", port.number) }
                writer.key("resolvers")
                writer.array(names.resolvers) { $0.string($1.description) }
            }
            writer.key("inbound")
            inbound.write(into: &writer)
            writer.key("outbound")
            writer.object { writer in writer.field("registryOnly", outbound.registryOnly) }
            writer.key("timeouts")
            timeouts.write(into: &writer)
            writer.key("limits")
            writer.object { writer in
                writer.field("connections", limits.connections)
                writer.field("held", limits.held)
                writer.field("handshakes", limits.handshakes)
                writer.field("idlePeers", limits.idlePeers)
                if let memory = limits.memoryBytes { writer.field("memory", memory) }
            }
            writer.key("drain")
            writer.object { writer in
                writer.field("settle", DurationText.text(drain.settle))
                writer.field("deadline", DurationText.text(drain.deadline))
            }
            writer.key("log")
            writer.object { writer in
                writer.field("level", log.level.rawValue)
                writer.field("format", log.format.rawValue)
                writer.field("connections", log.connections)
            }
            writer.key("tracing")
            writer.object { writer in
                writer.key("samplePercent")
                writer.thousandths(Int64(tracing.sampleShare) * 10)
                writer.field("spansKept", tracing.spansKept)
            }
            writer.key("metrics")
            writer.object { writer in writer.field("evictAfter", DurationText.text(metrics.evictAfter)) }
            writer.key("admin")
            writer.object { writer in
                writer.field("socket", adminSocketPath)
                writer.field("port", ifPresent: admin.port?.description)
            }
            writer.field("dataThreads", dataThreads)
            writer.field("stateDirectory", stateDirectory)
        }
    }
}

extension InboundSettings {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("mode", mode.rawValue)
            writer.field("permissiveSilence", DurationText.text(permissiveSilence))
            writer.key("ports")
            writer.array(ports) { writer, port in
                writer.object { writer in
                    writer.field("port", port.port.number)
                    writer.field("mode", port.mode.rawValue)
                    writer.field("passthroughTLS", port.passthroughTLS)
                }
            }
        }
    }
}

extension ProxyTimeouts {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("connect", DurationText.text(connect))
            writer.field("handshake", DurationText.text(handshake))
            writer.field("open", DurationText.text(open))
            writer.field("idle", DurationText.text(idle))
            writer.field("halfClose", DurationText.text(halfClose))
            writer.field("hold", DurationText.text(hold))
        }
    }
}

extension MeshResources {
    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("trustDomain", ifPresent: mesh.trustDomain?.name)
            writer.key("ranges")
            writer.array(mesh.ranges) { $0.string($1.description) }
            writer.key("workloads")
            writer.array(workloads) { $1.write(into: &$0) }
            writer.key("services")
            writer.array(services) { $1.write(into: &$0) }
            writer.key("gateways")
            writer.array(gateways) { $1.write(into: &$0) }
            writer.key("trust")
            writer.array(trust) { writer, trust in
                writer.object { writer in
                    writer.field("trustDomain", trust.trustDomain.name)
                    writer.field("bundle", trust.bundlePath)
                }
            }
        }
    }
}

extension Workload {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", reference.description)
            writer.field("uid", uid)
            writer.key("addresses")
            writer.array(addresses) { $0.string($1.description) }
            writer.field("spiffeID", ifPresent: identity?.description)
            writer.field("meshed", isMeshed)
            writer.field("locality", ifPresent: locality?.description)
            writer.key("ports")
            writer.array(ports) { writer, port in
                writer.object { writer in
                    writer.field("port", port.port.number)
                    writer.field("meshed", port.isMeshed)
                    writer.field("protocol", port.hint.rawValue)
                }
            }
        }
    }
}

extension Service {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", reference.description)
            writer.key("addresses")
            writer.array(addresses) { $0.string($1.description) }
            writer.key("ports")
            writer.array(ports) { writer, port in
                writer.object { writer in
                    writer.field("port", port.port.number)
                    writer.field("targetPort", port.targetPort.number)
                    writer.field("protocol", port.hint.rawValue)
                }
            }
            writer.key("endpoints")
            writer.array(members) { $1.write(into: &$0) }
            writer.key("resolution")
            resolution.write(into: &writer)
            if let connectTimeout {
                writer.key("timeouts")
                writer.object { writer in writer.field("connect", DurationText.text(connectTimeout)) }
            }
            if let health {
                writer.key("health")
                health.write(into: &writer)
            }
            writer.key("balancing")
            balancing.write(into: &writer)
            writer.key("breaker")
            breaker.write(into: &writer)
            writer.key("ejection")
            ejection.write(into: &writer)
        }
    }
}
