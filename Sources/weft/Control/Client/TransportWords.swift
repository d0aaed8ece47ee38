// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import AsyncHTTPClient
import LinuxSystem
import NIOCore
import NIOPosix

/// Why something could not be sent, in a few words: the libraries tell it in structures of theirs.
enum TransportWords {
    static func of(_ error: any Error) -> String {
        switch error {
        case let error as IOError: "\(Errno(number: error.errnoCode))"
        case let error as HTTPClientError: error.shortDescription
        case let error as NIOConnectionError:
            error.connectionErrors.first.map { of($0.error) } ?? "no address of `\(error.host)` is known"
        case ChannelError.connectTimeout: "nothing came in time"
        case ChannelError.eof: "the connection was ended"
        default: "\(error)"
        }
    }
}
