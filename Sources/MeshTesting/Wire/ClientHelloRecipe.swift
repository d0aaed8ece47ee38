// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// A TLS ClientHello written field by field, in which every length can be made to lie.
package struct ClientHelloRecipe: Sendable {
    /// The length fields, from the outside in.
    package enum LengthField: Sendable, CaseIterable {
        case record
        case handshake
        case sessionID
        case cipherSuites
        case compressionMethods
        case extensions
        case serverNameExtension
        case serverNameList
        case serverName
        case protocolsExtension
        case protocolsList
        case protocolName
    }

    package var serverName: String?
    /// The names of the ALPN extension; nil leaves the extension away.
    package var protocols: [String]?
    /// Bytes of a padding extension (RFC 7685); nil leaves it away.
    package var padding: Int?
    /// What is added to a length field beyond its true value.
    package var lies: [LengthField: Int] = [:]

    package init(serverName: String? = nil, protocols: [String]? = nil, padding: Int? = nil) {
        self.serverName = serverName
        self.protocols = protocols
        self.padding = padding
    }

    /// One record.
    package var bytes: [UInt8] { records(of: message) }

    /// The hello spread over records whose payloads have these sizes, the last one repeated as often as it takes.
    package func fragmented(_ sizes: [Int]) -> [UInt8] {
        var rest = message[...]
        var bytes: [UInt8] = []
        var index = 0
        while !rest.isEmpty {
            bytes += records(of: Array(rest.prefix(sizes[min(index, sizes.count - 1)])))
            rest = rest.dropFirst(sizes[min(index, sizes.count - 1)])
            index += 1
        }
        return bytes
    }

    /// The handshake message without a record around it.
    package var message: [UInt8] {
        var body: [UInt8] = [3, 3] + Array(repeating: 0x5a, count: 32)
        body += vector(.sessionID, width: 1, Array(repeating: 7, count: 32))
        body += vector(.cipherSuites, width: 2, [0x13, 0x01, 0x13, 0x02, 0x13, 0x03])
        body += vector(.compressionMethods, width: 1, [0])
        let extensions = serverNameExtension + protocolsExtension + paddingExtension
        if !extensions.isEmpty { body += vector(.extensions, width: 2, extensions) }
        return [1] + vector(.handshake, width: 3, body)
    }

    private func records(of payload: [UInt8]) -> [UInt8] { [22, 3, 1] + vector(.record, width: 2, payload) }

    private var serverNameExtension: [UInt8] {
        guard let serverName else { return [] }
        let entry = [0] + vector(.serverName, width: 2, Array(serverName.utf8))
        return [0, 0] + vector(.serverNameExtension, width: 2, vector(.serverNameList, width: 2, entry))
    }

    private var protocolsExtension: [UInt8] {
        guard let protocols else { return [] }
        let names = protocols.flatMap { vector(.protocolName, width: 1, Array($0.utf8)) }
        return [0, 16] + vector(.protocolsExtension, width: 2, vector(.protocolsList, width: 2, names))
    }

    private var paddingExtension: [UInt8] {
        guard let padding else { return [] }
        return [0, 21, UInt8(padding >> 8), UInt8(padding & 255)] + Array(repeating: 0, count: padding)
    }

    private func vector(_ field: LengthField, width: Int, _ content: [UInt8]) -> [UInt8] {
        let length = max(0, content.count + (lies[field] ?? 0))
        return (0..<width).map { UInt8(truncatingIfNeeded: length >> (8 * (width - 1 - $0))) } + content
    }
}
