// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Writes answers. What they know of the question is repeated from it; names point back to it.
package struct NameResponse {
    /// An answer of the mesh is believed for so long, good or bad: a Service may be given another address at any time.
    package static let timeToLive: UInt32 = 5
    /// What fits into every network without being cut into pieces (DNS Flag Day 2020); more goes over TCP.
    package static let datagramByteCountMax = 1232
    private static let plainDatagramByteCount = 512
    package static let streamByteCountMax = 65_535

    /// How the question came, which says how long an answer may be.
    package enum Transport: Hashable, Sendable {
        case datagram
        case stream
    }

    private let query: NameQuery
    private let limit: Int

    package init(to query: NameQuery, over transport: Transport) {
        self.query = query
        switch transport {
        case .stream: limit = Self.streamByteCountMax
        case .datagram:
            let offered = query.options?.datagramByteCount ?? Self.plainDatagramByteCount
            limit = min(max(offered, Self.plainDatagramByteCount), Self.datagramByteCountMax)
        }
    }

    // MARK: Answers

    /// The addresses of a name, as far as they are of the type that was asked for. None of them is no error: the name is
    /// there, and has nothing of that type.
    package func addresses(_ addresses: [IPAddress]) -> [UInt8] {
        let records = wanted(of: addresses)
        guard !records.isEmpty else { return negative(.success) }
        var body: [UInt8] = []
        for address in records {
            let byteCount = address.family.bitWidth / 8
            body += Self.ownerOfQuestion + Self.big(query.type.number) + Self.big(NameQuery.internet)
            body += Self.big(Self.timeToLive) + Self.big(UInt16(byteCount))
            let bits = address.bits
            for index in (0..<byteCount).reversed() {
                body.append(UInt8(truncatingIfNeeded: bits >> UInt128(8 * index)))
            }
        }
        return message(.success, answers: records.count, body: body, isOfMesh: true)
    }

    /// Whether there is anything of the type that was asked for.
    package func hasAny(of addresses: [IPAddress]) -> Bool { !wanted(of: addresses).isEmpty }

    private func wanted(of addresses: [IPAddress]) -> [IPAddress] {
        let family: AddressFamily? =
            switch query.type {
            case .ipv4Address: .ipv4
            case .ipv6Address: .ipv6
            default: nil
            }
        return addresses.filter { $0.family == family }
    }

    /// There is no such name in the mesh.
    package func noSuchName() -> [UInt8] { negative(.noSuchName) }

    /// Neither yes nor no.
    package func failure(_ code: ResponseCode) -> [UInt8] { message(code) }

    /// What is answered to bytes of which only the header is believed.
    package static func refusal(_ header: QueryHeader, _ code: ResponseCode) -> [UInt8] {
        let flags = 0x8000 | header.operation << 11 | header.flags & 0x0100 | 0x0080 | code.rawValue & 0xf
        return big(header.identifier) + big(flags) + [UInt8](repeating: 0, count: 8)
    }

    // MARK: Writing

    private static let ownerOfQuestion: [UInt8] = [0xc0, UInt8(QueryHeader.byteCount)]

    /// A negative answer carries the SOA of its zone, which says for how long it is believed (RFC 2308 section 3). The zone
    /// is `mesh`, or the short name itself, which is all that this server knows of whatever zone it is in.
    private func negative(_ code: ResponseCode) -> [UInt8] {
        let zone = query.name.isInMeshZone ? query.question.count - 4 - QueriedName.meshZone.count : 0
        let pointer = Self.big(0xc000 | UInt16(QueryHeader.byteCount + zone))
        let contact = [UInt8(10)] + "hostmaster".utf8 + pointer
        var data = pointer + contact + Self.big(UInt32(1))
        for seconds: UInt32 in [3600, 600, 86_400, Self.timeToLive] { data += Self.big(seconds) }
        let record =
            pointer + Self.big(RecordType.startOfAuthority.number) + Self.big(NameQuery.internet)
            + Self.big(Self.timeToLive) + Self.big(UInt16(data.count)) + data
        return message(code, authorities: 1, body: record, isOfMesh: true)
    }

    /// Too long a message goes without its records and says that it is cut: the client asks again over TCP.
    private func message(
        _ code: ResponseCode, answers: Int = 0, authorities: Int = 0, body: [UInt8] = [], isOfMesh: Bool = false
    ) -> [UInt8] {
        let options = options(code)
        let isCut = QueryHeader.byteCount + query.question.count + body.count + options.count > limit
        var flags = 0x8080 | query.header.flags & 0x0110 | code.rawValue & 0xf
        if isOfMesh { flags |= 0x0400 }
        if isCut { flags |= 0x0200 }
        let counts = [1, isCut ? 0 : answers, isCut ? 0 : authorities, options.isEmpty ? 0 : 1]
        var bytes = Self.big(query.header.identifier) + Self.big(flags)
        for count in counts { bytes += Self.big(UInt16(truncatingIfNeeded: count)) }
        return bytes + query.question + (isCut ? [] : body) + options
    }

    /// Whoever asks with EDNS is answered with it.
    private func options(_ code: ResponseCode) -> [UInt8] {
        guard let options = query.options else { return [] }
        let rest = UInt32(code.rawValue >> 4) << 24 | (options.wantsProof ? 0x8000 : 0)
        return [0] + Self.big(RecordType.options.number) + Self.big(UInt16(Self.datagramByteCountMax)) + Self.big(rest)
            + [0, 0]
    }

    private static func big<Number: FixedWidthInteger>(_ number: Number) -> [UInt8] {
        (0..<Number.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: number >> Number($0 * 8)) }
    }
}
