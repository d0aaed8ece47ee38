// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import CYAML
package import MeshModel

/// Reads a stream of YAML documents through libyaml's events.
///
/// Anchors, aliases, tags and merge keys are refused: they make one thing sayable in several ways, and aliases can make a
/// small file enormous. A key that stands twice in one mapping is refused, since readers differ in which one holds.
@safe
package struct YAMLReader: ~Copyable {
    /// Deeper than any configuration, shallow enough for any stack.
    static let depthLimit = 64
    package static let byteLimit = 16 << 20

    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let name: String
    private let input: UnsafeBufferPointer<UInt8>
    private let count: Int

    /// All documents of a text. `name` stands in messages.
    package static func documents(_ text: [UInt8], name: String) throws(Problem) -> [Node] {
        guard text.count <= byteLimit else {
            throw Problem(.badDocument, at: name, "holds \(text.count) bytes", remedy: "the limit is \(byteLimit)")
        }
        // libyaml keeps a pointer to the input, so it must stay in place until the last event.
        // It counts a byte order mark as a column, which would spoil the indentation.
        let content = text.starts(with: [0xef, 0xbb, 0xbf]) ? text.dropFirst(3) : text[...]
        let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(1, content.count))
        defer { unsafe copy.deallocate() }
        _ = unsafe copy.initialize(from: content)
        let reader = unsafe try YAMLReader(name: name, input: UnsafeBufferPointer(copy), count: content.count)
        return try reader.documents()
    }

    private init(name: String, input: UnsafeBufferPointer<UInt8>, count: Int) throws(Problem) {
        self.name = name
        unsafe self.input = input
        self.count = count
        unsafe parser = .allocate(capacity: 1)
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            unsafe parser.deallocate()
            throw Problem(.badDocument, at: name, "there is no memory to read it")
        }
        unsafe yaml_parser_set_input_string(parser, input.baseAddress, count)
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
    }

    private borrowing func documents() throws(Problem) -> [Node] {
        var documents: [Node] = []
        while true {
            let event = try next()
            switch event.kind {
            case .streamStart, .documentStart, .documentEnd: continue
            case .streamEnd: return documents
            case .scalar, .sequenceStart, .mappingStart:
                documents.append(try node(from: event, depth: 0))
            case .sequenceEnd, .mappingEnd:
                throw Problem(.notYAML, at: place(event.mark), "something ends that was not begun")
            }
        }
    }

    private borrowing func node(from event: Event, depth: Int) throws(Problem) -> Node {
        guard depth < Self.depthLimit else {
            throw Problem(
                .badDocument, at: place(event.mark), "is nested too deep",
                remedy: "the limit is \(Self.depthLimit) levels")
        }
        switch event.kind {
        case .sequenceStart:
            var elements: [Node] = []
            while true {
                let next = try next()
                if next.kind == .sequenceEnd { return Node(content: .sequence(elements), mark: event.mark) }
                elements.append(try node(from: next, depth: depth + 1))
            }
        case .mappingStart:
            return Node(content: .mapping(try fields(depth: depth)), mark: event.mark)
        default:
            return Node(content: .scalar(event.text, isPlain: event.isPlain), mark: event.mark)
        }
    }

    private borrowing func fields(depth: Int) throws(Problem) -> [Node.Field] {
        var fields: [Node.Field] = []
        var names: [String: Mark] = [:]
        while true {
            let key = try next()
            if key.kind == .mappingEnd { return fields }
            guard key.kind == .scalar else {
                throw Problem(
                    .wrongType, at: place(key.mark), "a list or mapping stands as a key", remedy: "keys are words")
            }
            guard key.text != "<<" || !key.isPlain else {
                throw Problem(.unsupportedYAML, at: place(key.mark), "merge keys are not read", remedy: "write it out")
            }
            if let earlier = names.updateValue(key.mark, forKey: key.text) {
                throw Problem(
                    .duplicateField, at: place(key.mark), "`\(key.text)` stands here and on line \(earlier.line)",
                    remedy: "remove one of them")
            }
            let value = try node(from: try next(), depth: depth + 1)
            fields.append(Node.Field(name: key.text, mark: key.mark, value: value))
        }
    }

    private func place(_ mark: Mark) -> String { "\(name):\(mark)" }
}

/// An event of libyaml as a value of ours.
private struct Event {
    enum Kind {
        case streamStart
        case streamEnd
        case documentStart
        case documentEnd
        case sequenceStart
        case sequenceEnd
        case mappingStart
        case mappingEnd
        case scalar
    }

    let kind: Kind
    let mark: Mark
    var text = ""
    var isPlain = false
}

extension YAMLReader {
    private borrowing func next() throws(Problem) -> Event {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw malformed() }
        defer { unsafe yaml_event_delete(&event) }
        let mark = unsafe Mark(event.start_mark)
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: return Event(kind: .streamStart, mark: mark)
        case YAML_STREAM_END_EVENT: return Event(kind: .streamEnd, mark: mark)
        case YAML_DOCUMENT_START_EVENT: return Event(kind: .documentStart, mark: mark)
        case YAML_DOCUMENT_END_EVENT: return Event(kind: .documentEnd, mark: mark)
        case YAML_SEQUENCE_END_EVENT: return Event(kind: .sequenceEnd, mark: mark)
        case YAML_MAPPING_END_EVENT: return Event(kind: .mappingEnd, mark: mark)
        case YAML_SEQUENCE_START_EVENT:
            let start = unsafe event.data.sequence_start
            try unsafe refuse(anchor: start.anchor, tag: start.tag, mark)
            return Event(kind: .sequenceStart, mark: mark)
        case YAML_MAPPING_START_EVENT:
            let start = unsafe event.data.mapping_start
            try unsafe refuse(anchor: start.anchor, tag: start.tag, mark)
            return Event(kind: .mappingStart, mark: mark)
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            try unsafe refuse(anchor: scalar.anchor, tag: scalar.tag, mark)
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
            return unsafe Event(
                kind: .scalar, mark: mark, text: String(decoding: bytes, as: UTF8.self), isPlain: isPlain)
        default:
            throw Problem(.unsupportedYAML, at: place(mark), "aliases are not read", remedy: "write the value out")
        }
    }

    private func refuse(
        anchor: UnsafeMutablePointer<UInt8>?, tag: UnsafeMutablePointer<UInt8>?, _ mark: Mark
    ) throws(Problem) {
        if unsafe anchor != nil {
            throw Problem(.unsupportedYAML, at: place(mark), "anchors are not read", remedy: "write the value out")
        }
        if unsafe tag != nil {
            throw Problem(.unsupportedYAML, at: place(mark), "tags are not read", remedy: "leave the tag away")
        }
    }

    private borrowing func malformed() -> Problem {
        let what = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "cannot be read"
        var mark = unsafe Mark(parser.pointee.problem_mark)
        if unsafe parser.pointee.error == YAML_READER_ERROR {
            // What cannot be decoded has no mark, only an offset.
            let before = unsafe Array(input.prefix(min(count, Int(clamping: parser.pointee.problem_offset))))
            let lineBegin = before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            mark = Mark(line: before.count { $0 == UInt8(ascii: "\n") } + 1, column: before.count - lineBegin + 1)
        }
        return Problem(.notYAML, at: place(mark), what)
    }
}

extension Mark {
    fileprivate init(_ mark: yaml_mark_t) {
        line = Int(clamping: mark.line) + 1
        column = Int(clamping: mark.column) + 1
    }
}
