// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import AsyncHTTPClient
internal import Glibc
internal import MeshModel
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// How one try at one endpoint failed, and with that what may be done next.
enum EtcdFailure: Error {
    /// No connection: nothing can have happened.
    case notReached(String)
    /// The endpoint got the request, or may have, and gave no answer.
    case noAnswer(String)
    /// It says that it cannot at the moment, before it did anything.
    case notNow(String)
    /// The token has expired.
    case tokenExpired
    /// Nothing has come on a watch for a while, which need not mean anything.
    case silent
    /// The answer is longer than was thought.
    case tooLong
    /// Any other endpoint would say the same.
    case final(StoreError)

    /// What the HTTP client threw.
    init(_ error: any Error) {
        let words = "\(error)"
        switch error {
        case let failure as EtcdFailure: self = failure
        case is CancellationError: self = .final(.cancelled)
        // Said of a connection that was being made; one that was made is reset or times out.
        case let error as IOError where [ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL].contains(error.errnoCode):
            self = .notReached(words)
        case is NIOConnectionError, is NIOSSLError, is NIOSSLExtraError: self = .notReached(words)
        case let error as HTTPClientError:
            switch error {
            case .connectTimeout, .tlsHandshakeTimeout, .getConnectionFromPoolTimeout: self = .notReached(words)
            case .alreadyShutdown: self = .final(.closed)
            case .cancelled: self = Task.isCancelled ? .final(.cancelled) : .final(.closed)
            default: self = .noAnswer(words)
            }
        default: self = .noAnswer(words)
        }
    }

    /// What etcd answered. The numbers are those of gRPC; where one stands for several things only the text tells which.
    init(_ failure: EtcdAnswer.Failure, at endpoint: String) {
        let words = failure.words
        switch failure.number {
        case 16: self = .tokenExpired
        case 7: self = .final(.denied(Problem(.storeDenied, at: endpoint, words)))
        case 3 where words.contains("auth") || words.contains("user name") || words.contains("CommonName"):
            self = .final(.denied(Problem(.storeDenied, at: endpoint, words)))
        case 3: self = .final(.refused(Problem(.storeLimit, at: endpoint, words)))
        case 5 where words.contains("lease"): self = .final(.leaseLost(LeaseID(number: 0)))
        case 8 where words.contains("space"):
            self = .final(
                .unavailable(
                    Problem(
                        .storeUnavailable, at: endpoint, words,
                        remedy: "compact and defragment it, raise its quota, then `etcdctl alarm disarm`")))
        case 8: self = .notNow(words)
        case 9 where words.contains("authentication"):
            self = .final(.denied(Problem(.storeDenied, at: endpoint, words)))
        case 11: self = .final(words.contains("compacted") ? .compacted(oldest: 0) : .futureRevision)
        case 14 where words.contains("no leader"): self = .notNow(words)
        case 1, 2, 4, 13, 14: self = .noAnswer(words)
        default:
            self = .final(.broken(Problem(.storeAnswer, at: endpoint, "\(words) (gRPC code \(failure.number))")))
        }
    }

    var words: String {
        switch self {
        case .notReached(let words), .noAnswer(let words), .notNow(let words): words
        case .silent: "nothing has come for a while"
        case .tooLong: "the answer is too long"
        case .tokenExpired: "the token has expired"
        case .final(let error): "\(error)"
        }
    }
}
