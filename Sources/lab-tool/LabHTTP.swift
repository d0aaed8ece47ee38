// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Just enough of an HTTP/1.1 server for tests: it says each request that it reads, and answers by the path.
///
///     /status/503     with that status
///     /slow/300       after so many milliseconds
///     /echo           with the head that it read
///     /reset          with a reset, once it has read the whole request
///     /close          and closes
///     /big/50000000   with so many bytes
///     /cut            with half an answer that ends with its connection, and a reset
///     /switch         with a switch of protocols, whether or not anybody has asked for one
///     /sick/DIRECTORY 503 if the directory has a file of the server's name, such as 10.0.0.2:80, else 200
///     anything else   with the number of the request on this connection
struct LabHTTP {
    private let connection: LabSocket
    private let name: String

    init(_ connection: LabSocket, _ name: String) {
        self.connection = connection
        self.name = name
    }

    func serve() {
        var waiting: [UInt8] = []
        var number = 0
        while let bytes = connection.receive(), !bytes.isEmpty {
            waiting += bytes
            while let (head, length) = request(waiting) {
                waiting.removeFirst(length)
                number += 1
                guard reply(to: head, number) else { return }
            }
        }
    }

    /// A request with its body, if it is all here.
    private func request(_ bytes: [UInt8]) -> (head: String, length: Int)? {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let head = String(text[..<end.lowerBound])
        let marker = "\r\ncontent-length: "
        let body = head.lowercased().range(of: marker).map { range in
            Int(head[range.upperBound...].prefix { $0.isNumber }) ?? 0
        }
        let length = head.utf8.count + 4 + (body ?? 0)
        return bytes.count >= length ? (head, length) : nil
    }

    /// False: the connection is over.
    private func reply(to head: String, _ number: Int) -> Bool {
        let line = String(head.prefix { $0 != "\r\n" })
        say("request at=\(name) \(line)")
        let path = line.split(separator: " ").dropFirst().first.map(String.init) ?? "/"
        let parts = path.split(separator: "/").map(String.init)
        switch (parts.first, parts.dropFirst().first.flatMap { Int($0) }) {
        case ("status", let status?): answer("\(name) says \(status)\n", status)
        case ("slow", let milliseconds?):
            usleep(UInt32(milliseconds) * 1000)
            answer("\(name) took its time\n")
        case ("echo", _): answer("\(name) read\n\(head)\n")
        case ("reset", _):
            connection.resetOnClose()
            return false
        case ("sick", _):
            let isSick = FileManager.default.fileExists(atPath: "\(path.dropFirst(5))/\(name)")
            answer("\(name) is \(isSick ? "sick" : "well")\n", isSick ? 503 : 200)
        case ("big", let count?):
            connection.send(Array("HTTP/1.1 200 OK\r\nContent-Length: \(count)\r\n\r\n".utf8))
            let piece = [UInt8](repeating: UInt8(ascii: "b"), count: 65_536)
            var left = count
            while left > 0 {
                connection.send(Array(piece.prefix(left)))
                left -= min(left, piece.count)
            }
        case ("cut", _):
            connection.send(Array("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf an ans".utf8))
            // Once the half has gone on, so that it is the reset alone that tells.
            usleep(200_000)
            connection.resetOnClose()
            return false
        case ("switch", _):
            connection.send(Array("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: odd\r\n\r\n".utf8))
        case ("close", _):
            answer("\(name) closes\n", 200, "Connection: close\r\n")
            return false
        default: answer("request \(number) on this connection: \(line)\n")
        }
        return true
    }

    private func answer(_ body: String, _ status: Int = 200, _ field: String = "") {
        let head = "HTTP/1.1 \(status) Said\r\nContent-Type: text/plain\r\n\(field)"
        connection.send(Array((head + "Content-Length: \(body.utf8.count)\r\n\r\n" + body).utf8))
    }
}
