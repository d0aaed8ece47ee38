// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Just enough of an HTTP/1.1 server to see whether a connection is kept: it answers with the number of the request.
struct LabHTTP {
    private let connection: LabSocket

    init(_ connection: LabSocket) { self.connection = connection }

    func serve() {
        var waiting: [UInt8] = []
        var number = 0
        while let bytes = connection.receive(), !bytes.isEmpty {
            waiting += bytes
            while let end = String(decoding: waiting, as: UTF8.self).range(of: "\r\n\r\n") {
                let head = String(decoding: waiting, as: UTF8.self)[..<end.lowerBound]
                waiting.removeFirst(head.utf8.count + 4)
                number += 1
                answer("request \(number) on this connection: \(head.prefix { $0 != "\r\n" })\n")
            }
        }
    }

    private func answer(_ body: String) {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: \(body.utf8.count)\r\n\r\n"
        connection.send(Array((head + body).utf8))
    }
}
