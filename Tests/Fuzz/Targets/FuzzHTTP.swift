// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import HTTPCodec
internal import MeshModel

/// What was read of a stream of messages, the pieces of a body put together.
private enum Item<Head: Equatable>: Equatable {
    case head(Head)
    case data([UInt8])
    case end(HTTPFields)
    case refusal(HTTPRefusal)
}

private struct Items<Head: Equatable>: Equatable {
    var all: [Item<Head>] = []

    mutating func add(_ range: Range<Int>, of piece: [UInt8]) {
        precondition(!range.isEmpty && range.upperBound <= piece.count, "A body lies within the bytes.")
        if case .data(let before) = all.last {
            all[all.count - 1] = .data(before + piece[range])
        } else {
            all.append(.data(Array(piece[range])))
        }
    }

    mutating func add(_ refusal: HTTPRefusal) {
        precondition(!refusal.sentence.isEmpty && (400..<600).contains(refusal.status), "A refusal says why.")
        all.append(.refusal(refusal))
    }
}

/// The output against the grammar, by other means than the reader's.
private func checkHead(_ bytes: [UInt8], isRequest: Bool) {
    let text = String(decoding: bytes, as: UTF8.self)
    precondition(bytes.suffix(4) == [13, 10, 13, 10], "A head ends in an empty line.")
    let lines = bytes.dropLast(4).split(separator: 10, omittingEmptySubsequences: false)
    for (index, line) in lines.enumerated() {
        let line = index + 1 < lines.count ? line.dropLast() : line
        precondition(
            line.allSatisfy { $0 >= 0x20 && $0 != 0x7f || $0 == 9 } && !line.isEmpty, "Lines are clean: \(text)")
    }
    let names = lines.dropFirst().map { line in String(decoding: line.prefix { $0 != 58 }, as: UTF8.self) }
    let token = Set("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz".utf8)
    precondition(names.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy(token.contains) }, "Names are tokens: \(text)")
    let framing = names.count { $0 == "content-length" || $0 == "transfer-encoding" }
    precondition(framing <= 1, "A body is framed in one way: \(text)")
    precondition(names.count { $0 == "connection" } <= 1, "There is one Connection: \(text)")
    guard isRequest else { return }
    let blanks = lines.first?.count { $0 == 32 }
    precondition(blanks == 2, "A request line has three parts: \(text)")
    let hosts = names.count { $0 == "host" }
    precondition(hosts == 1 || hosts == 0 && text.contains(" HTTP/1.0\r\n"), "There is one Host: \(text)")
}

private func writeChunked(_ data: [UInt8], to bytes: inout [UInt8]) {
    data.withUnsafeBytes { HTTPWriter.appendChunk($0, to: &bytes) }
}

/// Requests are the same in whatever pieces they come, and what goes on is read exactly as it was read by us.
enum FuzzRequests {
    static func run(_ bytes: [UInt8]) {
        let whole = read(bytes, piece: max(1, bytes.count))
        for piece in [1, 7] { precondition(read(bytes, piece: piece) == whole, "Pieces make no difference.") }
        var forwarded = whole
        if case .refusal = forwarded.all.last { forwarded.all.removeLast() }
        let output = write(forwarded)
        let again = read(output, piece: max(1, output.count))
        precondition(again == normalised(forwarded), "What goes on is read as it was read: \(again) \(forwarded)")
        precondition(write(again) == output, "And written again it is the same.")
    }

    private static func read(_ stream: [UInt8], piece: Int) -> Items<HTTPRequest> {
        var reader = RequestReader(HTTPSettings())
        var items = Items<HTTPRequest>()
        for start in stride(from: 0, to: stream.count, by: piece) {
            let chunk = Array(stream[start..<min(stream.count, start + piece)])
            var offset = 0
            do throws(HTTPRefusal) {
                while let event = try reader.next(chunk.span.bytes, &offset) {
                    switch consume event {
                    case .head(let head): items.all.append(.head(head))
                    case .data(let range): items.add(range, of: chunk)
                    case .end(let trailers): items.all.append(.end(trailers))
                    }
                }
            } catch {
                items.add(error)
                return items
            }
            precondition(offset == chunk.count, "All is taken.")
        }
        return items
    }

    private static func write(_ items: Items<HTTPRequest>) -> [UInt8] {
        var bytes: [UInt8] = []
        var body = HTTPBody.none
        for item in items.all {
            switch item {
            case .head(let head):
                body = head.body
                var written: [UInt8] = []
                HTTPWriter.append(head, to: &written)
                checkHead(written, isRequest: true)
                bytes += written
            case .data(let data): if body == .chunked { writeChunked(data, to: &bytes) } else { bytes += data }
            case .end(let trailers): if body == .chunked { HTTPWriter.appendLastChunk(trailers: trailers, to: &bytes) }
            case .refusal: break
            }
        }
        return bytes
    }

    private static func normalised(_ items: Items<HTTPRequest>) -> Items<HTTPRequest> {
        var items = items
        items.all = items.all.map { item in
            guard case .head(var head) = item else { return item }
            head.scheme = nil
            return .head(head)
        }
        return items
    }
}

/// The same for responses, as answers to whatever was asked.
enum FuzzResponses {
    static func run(_ bytes: [UInt8]) {
        for method in ["GET", "HEAD", "CONNECT"] {
            let whole = read(bytes, method, piece: max(1, bytes.count))
            for piece in [1, 7] {
                precondition(read(bytes, method, piece: piece) == whole, "Pieces make no difference.")
            }
            var forwarded = whole
            if case .refusal = forwarded.all.last { forwarded.all.removeLast() }
            let output = write(forwarded)
            let again = read(output, method, piece: max(1, output.count), endsWell: whole == forwarded)
            var expected = forwarded
            if whole != forwarded, again.all.last == .refusal(.cut) { expected.all.append(.refusal(.cut)) }
            precondition(
                normalised(again) == normalised(expected), "What goes on is read as it was: \(again) \(expected)")
        }
    }

    private static func read(
        _ stream: [UInt8], _ method: String, piece: Int, endsWell: Bool = true
    ) -> Items<HTTPResponse> {
        var reader = ResponseReader(HTTPSettings())
        var items = Items<HTTPResponse>()
        reader.expect(method: method)
        do throws(HTTPRefusal) {
            for start in stride(from: 0, to: stream.count, by: piece) {
                let chunk = Array(stream[start..<min(stream.count, start + piece)])
                var offset = 0
                while let event = try reader.next(chunk.span.bytes, &offset) {
                    take(event, chunk, method, &reader, &items)
                }
                precondition(offset == chunk.count, "All is taken.")
            }
            if endsWell, let event = try reader.inputEnded() { take(event, [], method, &reader, &items) }
        } catch {
            items.add(error)
        }
        return items
    }

    private static func take(
        _ event: consuming ResponseReader.Event, _ chunk: [UInt8], _ method: String, _ reader: inout ResponseReader,
        _ items: inout Items<HTTPResponse>
    ) {
        switch consume event {
        case .head(let head): items.all.append(.head(head))
        case .data(let range): items.add(range, of: chunk)
        case .end(let trailers):
            items.all.append(.end(trailers))
            reader.expect(method: method)
        }
    }

    private static func write(_ items: Items<HTTPResponse>) -> [UInt8] {
        var bytes: [UInt8] = []
        var body = HTTPBody.none
        for item in items.all {
            switch item {
            case .head(let head):
                body = head.body
                var written: [UInt8] = []
                HTTPWriter.append(head, to: &written)
                checkHead(written, isRequest: false)
                bytes += written
            case .data(let data): if body == .chunked { writeChunked(data, to: &bytes) } else { bytes += data }
            case .end(let trailers): if body == .chunked { HTTPWriter.appendLastChunk(trailers: trailers, to: &bytes) }
            case .refusal: break
            }
        }
        return bytes
    }

    /// Without the reason, which is filled in where there was none.
    private static func normalised(_ items: Items<HTTPResponse>) -> Items<HTTPResponse> {
        var items = items
        items.all = items.all.map { item in
            guard case .head(var head) = item else { return item }
            head.reason = ""
            return .head(head)
        }
        return items
    }
}
