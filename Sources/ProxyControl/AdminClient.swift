// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel

/// Asks a running proxy one thing, for commands that must work where there is no shell and no curl.
enum AdminClient {
    /// Where a proxy answers.
    enum Door: CustomStringConvertible {
        case unix(String)
        case tcp(SocketAddress)

        var description: String {
            switch self {
            case .unix(let path): path
            case .tcp(let address): "\(address)"
            }
        }
    }

    struct Answer {
        let status: Int
        let body: String

        /// The first line of the body.
        var line: String? { body.split(separator: "\n").first.map(String.init) }
    }

    /// The answer, in two seconds and 8 KiB; nil where what answers speaks no HTTP.
    static func ask(_ method: String, _ path: String, at door: Door) throws(SystemError) -> Answer? {
        let socket = try connect(to: door)
        // The header is what the admin port wants of everybody (docs/admin.md); the others do not mind.
        let request = "\(method) \(path) HTTP/1.0\r\nHost: localhost\r\nX-Weft-Admin: 1\r\n\r\n"
        _ = try socket.write(Array(request.utf8)[...])
        var answer: [UInt8] = []
        let deadline = Instant.now() + .seconds(2)
        while Instant.now() < deadline, answer.count < 8192 {
            guard socket.waitForInput(milliseconds: 500) else { continue }
            guard let more = try socket.read(limit: 4096) else { break }
            answer += more
        }
        return parse(String(decoding: answer, as: UTF8.self))
    }

    static func connect(to door: Door) throws(SystemError) -> Descriptor {
        switch door {
        case .unix(let path):
            let socket = try Descriptor.unixStream()
            try socket.connect(toPath: path)
            return socket
        case .tcp(let address):
            let socket = try Descriptor.stream(address.address.family)
            if let errno = socket.connect(to: address) { throw SystemError(errno, "connect") }
            guard socket.waitForOutput(milliseconds: 1000) else { throw SystemError(.timedOut, "connect") }
            if let errno = socket.pendingError() { throw SystemError(errno, "connect") }
            return socket
        }
    }

    /// `HTTP/1.1 200 OK`, fields, an empty line, the body.
    private static func parse(_ text: String) -> Answer? {
        let words = text.prefix { $0 != "\r\n" }.split(separator: " ")
        guard words.count > 1, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else { return nil }
        let body = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().first
        return Answer(status: status, body: String(body ?? ""))
    }
}
