// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import Foundation
import LinuxSystem
import MeshModel

/// Asks a control plane over its administrator's socket.
struct Administrator {
    let socketPath: String
    /// Ten thousand documents take a while.
    private static let patience = Duration.seconds(300)

    /// The answer as JSON; one that is no success is a failure.
    @discardableResult
    func ask(_ path: String, _ body: String? = nil) throws -> [String: Any] {
        let (status, answer) = try exchange(path, body.map { Array($0.utf8) })
        guard (200..<300).contains(status) else {
            throw BenchmarkFailure("\(path): \(status) \(String(decoding: answer.prefix(2000), as: UTF8.self))")
        }
        guard let object = try JSONSerialization.jsonObject(with: Data(answer)) as? [String: Any] else {
            throw BenchmarkFailure("\(path): the answer is no object")
        }
        return object
    }

    /// Writes documents; the revision that it became.
    func apply(_ documents: String) throws -> Int {
        guard let revision = try ask("/v1/apply", documents)["revision"] as? Int else {
            throw BenchmarkFailure("apply: there is no revision in the answer")
        }
        return revision
    }

    /// The proxies that a revision concerns, where all of them have acknowledged it; nil before.
    func acknowledged(_ revision: Int) throws -> Int? {
        let answer = try ask("/v1/revisions/\(revision)/progress")
        guard let concerned = answer["concerned"] as? Int, concerned > 0, answer["acknowledged"] as? Int == concerned
        else { return nil }
        return concerned
    }

    private func exchange(_ path: String, _ body: [UInt8]?) throws -> (Int, [UInt8]) {
        let socket = try Descriptor.unixStream()
        try socket.connect(toPath: socketPath)
        let method = body == nil ? "GET" : "POST"
        var request = Array("\(method) \(path) HTTP/1.1\r\nHost: weft\r\nConnection: close\r\n".utf8)
        request += Array("Content-Length: \(body?.count ?? 0)\r\n\r\n".utf8) + (body ?? [])
        try send(request, to: socket)
        var answer: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        loop: while socket.waitForInput(Self.patience) {
            switch buffer.withUnsafeMutableBytes({ socket.receive(into: $0) }) {
            case .bytes(let count): answer += buffer[..<count]
            case .ended: break loop
            case .wouldBlock: continue
            case .failed(let errno): throw BenchmarkFailure("\(path): \(errno)")
            }
        }
        guard let end = Data(answer).range(of: Data("\r\n\r\n".utf8)),
            let status = Int(String(decoding: answer.dropFirst(9).prefix(3), as: UTF8.self))
        else { throw BenchmarkFailure("\(path): there was no answer") }
        return (status, Array(answer[end.upperBound...]))
    }

    private func send(_ bytes: [UInt8], to socket: borrowing Descriptor) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch rest.withUnsafeBytes({ socket.send($0) }) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock:
                guard socket.waitForOutput(Self.patience) else { throw BenchmarkFailure("it does not read") }
            case .failed(let errno): throw BenchmarkFailure("send: \(errno)")
            }
        }
    }
}
