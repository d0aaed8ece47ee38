// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import Foundation
internal import NIOCore
internal import NIOFoundationCompat

/// What goes to etcd's JSON gateway, which takes the names of fields in this spelling, too. Keys and values are base64, 64-bit
/// numbers are text.
enum EtcdMessage {
    struct Range: Encodable {
        let key: Data
        var rangeEnd: Data?
        var limit: Number?
        var revision: Number?
        var keysOnly: Bool?
    }

    struct Put: Encodable {
        let key: Data
        let value: Data
        let lease: Number?
    }

    struct DeleteRange: Encodable {
        let key: Data
        var rangeEnd: Data?
    }

    struct Compare: Encodable {
        let key: Data
        let target: String
        var result = "EQUAL"
        var createRevision: Number?
        var modRevision: Number?
        var value: Data?
    }

    struct Operation: Encodable {
        var requestPut: Put?
        var requestDeleteRange: DeleteRange?
        var requestRange: Range?
    }

    struct Transaction: Encodable {
        let compare: [Compare]
        let success: [Operation]
        let failure: [Operation]
    }

    struct WatchStart: Encodable {
        struct Create: Encodable {
            let key: Data
            let rangeEnd: Data
            let startRevision: Number
            var progressNotify = true
            var fragment = true
        }
        let createRequest: Create
    }

    struct LeaseTime: Encodable {
        let seconds: Number

        enum CodingKeys: String, CodingKey { case seconds = "TTL" }
    }

    struct Lease: Encodable {
        let id: Number

        enum CodingKeys: String, CodingKey { case id = "ID" }
    }

    struct Compaction: Encodable { let revision: Number }

    struct Credentials: Encodable {
        let name: String
        let password: String
    }

    /// A 64-bit number, which JSON's own cannot hold.
    struct Number: Codable, Sendable {
        let value: Int64

        init(_ value: Int64) { self.value = value }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                value = number
                return
            }
            guard let number = Int64(try container.decode(String.self)) else {
                throw DecodingError.dataCorruptedError(in: container, debugDescription: "no number")
            }
            value = number
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(String(value))
        }
    }
}

/// What etcd answers. Whatever is zero, false or empty is left out; the names are in the spelling with underscores.
enum EtcdAnswer {
    static func decoded<Answer: Decodable>(_: Answer.Type, from bytes: ByteBuffer) throws -> Answer {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Answer.self, from: bytes)
    }

    struct Header: Decodable, Sendable { let revision: EtcdMessage.Number? }

    struct KeyValue: Decodable, Sendable {
        let key: Data
        let value: Data?
        let createRevision: EtcdMessage.Number?
        let modRevision: EtcdMessage.Number?
        let lease: EtcdMessage.Number?
    }

    struct Range: Decodable, Sendable {
        let header: Header?
        let kvs: [KeyValue]?
        let more: Bool?
    }

    struct Transaction: Decodable, Sendable {
        struct Response: Decodable, Sendable { let responseRange: Range? }
        let header: Header?
        let succeeded: Bool?
        let responses: [Response]?
    }

    struct Lease: Decodable, Sendable {
        let id: EtcdMessage.Number?
        let seconds: EtcdMessage.Number?

        enum CodingKeys: String, CodingKey {
            case id = "ID"
            case seconds = "TTL"
        }
    }

    struct KeepAlive: Decodable, Sendable {
        let result: Lease?
        let error: Failure?
    }

    struct Token: Decodable, Sendable { let token: String? }
    struct Nothing: Decodable, Sendable {}

    /// An error, as a body of its own or inside a stream, where the names differ.
    struct Failure: Decodable, Sendable {
        let code: Int?
        let grpcCode: Int?
        let message: String?
        let error: String?

        var number: Int { grpcCode ?? code ?? 2 }
        var words: String { message ?? error ?? "no reason" }
    }

    struct WatchLine: Decodable, Sendable {
        let result: Watch?
        let error: Failure?
    }

    struct Watch: Decodable, Sendable {
        struct Event: Decodable, Sendable {
            let type: String?
            let kv: KeyValue?
        }
        let header: Header?
        let created: Bool?
        let canceled: Bool?
        let compactRevision: EtcdMessage.Number?
        let cancelReason: String?
        let fragment: Bool?
        let events: [Event]?
    }
}
