// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import NameServing

/// Whatever asks for a name: what is read is in the bytes, is refused without its last byte, and is answered within the
/// length that the client takes, under its own question.
enum FuzzQuestions {
    private static let addresses = (0..<40).map { IPAddress.v4(IPv4Address(bits: $0)) }

    static func run(_ bytes: [UInt8]) {
        let query: NameQuery
        do throws(QueryFlaw) {
            query = try NameQuery(bytes.span.bytes)
        } catch {
            switch error {
            case .unanswerable: return
            case .refused(let header, let code):
                let answer = NameResponse.refusal(header, code)
                precondition(answer.count == QueryHeader.byteCount && answer.prefix(2) == bytes.prefix(2))
            case .refusedVersion(let query):
                check(NameResponse(to: query, over: .datagram).failure(.badVersion), query, limit: 512)
            }
            return
        }
        precondition(
            bytes.dropFirst(QueryHeader.byteCount).starts(with: query.question), "The question is in the bytes.")
        precondition((try? NameQuery(Array(bytes.dropLast()).span.bytes)) == nil, "No byte of a question is too many.")
        let names = MeshNames()
        precondition(names.answer(query.name) == (query.name.isInMeshZone ? .unknownInMesh : .notOfMesh))
        let limit = min(max(query.options?.datagramByteCount ?? 512, 512), NameResponse.datagramByteCountMax)
        for transport in [NameResponse.Transport.datagram, .stream] {
            let response = NameResponse(to: query, over: transport)
            for answer in [response.addresses(addresses), response.noSuchName(), response.failure(.serverFailure)] {
                check(answer, query, limit: transport == .stream ? NameResponse.streamByteCountMax : limit)
            }
        }
    }

    private static func check(_ answer: [UInt8], _ query: NameQuery, limit: Int) {
        precondition(answer.count <= limit, "No answer is longer than the client takes.")
        precondition(answer.count > QueryHeader.byteCount && answer[2] & 0x80 != 0, "It is an answer.")
        precondition(answer.dropFirst(QueryHeader.byteCount).starts(with: query.question), "It repeats the question.")
    }
}
