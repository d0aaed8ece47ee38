// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Bytes
internal import MeshModel

/// A gateway in force, under the names that the file has. Paths of keys are told, keys never.
extension Gateway {
    func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", reference.description)
            writer.key("addresses")
            writer.array(addresses) { $0.string($1.description) }
            writer.key("listeners")
            writer.array(listeners) { $1.write(into: &$0) }
        }
    }
}

extension Gateway.Listener {
    fileprivate func write(into writer: inout JSONWriter) {
        writer.object { writer in
            writer.field("name", name.text)
            writer.field("port", port.number)
            writer.field("protocol", transport.rawValue)
            writer.field("hostname", ifPresent: hostname?.description)
            writer.key("certificates")
            writer.array(certificates) { writer, certificate in
                writer.object { writer in
                    writer.field("chain", certificate.chain)
                    writer.field("key", certificate.key)
                }
            }
        }
    }
}
