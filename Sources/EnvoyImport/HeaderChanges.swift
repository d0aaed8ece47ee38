// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel
internal import ResourceDocuments

/// One entry of `request_headers_to_add`, `…_to_remove` and their like.
struct HeaderChange {
    enum Kind {
        case set
        case add
        case remove
    }

    let kind: Kind
    /// In lower case.
    let name: String
    let text: String
    let value: EnvoyValue
}

extension EnvoyValue {
    /// An entry of `…_headers_to_add`.
    var headerChange: HeaderChange? {
        message { fields in
            let found: (name: EnvoyValue, text: EnvoyValue?)? = fields.require("header")?.message { fields in
                fields.refuse("raw_value", because: "a header field holds text", "write `value`")
                let text = fields.value("value")
                return fields.require("key").map { ($0, text) }
            }
            let action = fields.value("append_action")
            let words = [
                "APPEND_IF_EXISTS_OR_ADD", "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS_OR_ADD", "OVERWRITE_IF_EXISTS",
            ]
            var kind = fields.value("append")?.truth == false ? HeaderChange.Kind.set : .add
            switch action?.word(words) {
            case "OVERWRITE_IF_EXISTS_OR_ADD": kind = .set
            case "ADD_IF_ABSENT", "OVERWRITE_IF_EXISTS":
                action?.refuse(
                    "a header field is added, set or removed whatever was there",
                    "write APPEND_IF_EXISTS_OR_ADD or OVERWRITE_IF_EXISTS_OR_ADD")
            default: break
            }
            fields.ignore("keep_empty_value")
            guard let found, let name = found.name.changedHeaderName else { return nil }
            guard let text = found.text?.headerText else {
                if found.text == nil { found.name.refuse("a header field without a value is not added", "remove it") }
                return nil
            }
            return HeaderChange(kind: kind, name: name, text: text, value: self)
        }
    }

    /// The name of a field that filters may touch.
    var changedHeaderName: String? {
        guard let name = headerName else { return nil }
        if name == ":authority" || name == "host" {
            refuse("the host is not changed as a header field", "use `host_rewrite_literal`")
        } else if name.hasPrefix(":") {
            refuse("`\(name)` is no header field", "use the rewrites of the route")
        } else if RouteFilter.HeaderModifier.isProtected(name) {
            refuse("no filter may touch the header field `\(name)`", "remove it: the proxy itself answers for it")
        } else {
            return name
        }
        return nil
    }

    /// A value without Envoy's `%VARIABLES%`; `%%` is a percent sign.
    private var headerText: String? {
        guard let text else { return nil }
        let plain = text.split(separator: "%%", omittingEmptySubsequences: false)
        if plain.contains(where: { $0.contains("%") }) {
            refuse(
                "`\(text.prefix(80))` holds a variable, and header values are constant here",
                "remove it; the caller's identity comes in `x-weft-caller`")
            return nil
        }
        let value = plain.joined(separator: "%")
        let bytes = value.utf8
        guard bytes.count <= 4096, bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }),
            let first = bytes.first, let last = bytes.last, first > 0x20, last > 0x20
        else {
            complain("is not a header value", "write text without control characters and without spaces around it")
            return nil
        }
        return value
    }

    /// The name of a header field or pseudo header, in lower case.
    var headerName: String? {
        scalar("the name of a header field") { text in
            let bytes = text.hasPrefix(":") ? text.utf8.dropFirst() : text.utf8[...]
            let isToken = bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
            return isToken && (1...256).contains(bytes.count) ? text.lowercased() : nil
        }
    }
}

extension EnvoyFields {
    /// The changes of one level: what is removed first, as Envoy has it.
    mutating func headerChanges(_ direction: String) -> [HeaderChange] {
        let removed = list("\(direction)_headers_to_remove").compactMap { value in
            value.changedHeaderName.map { HeaderChange(kind: .remove, name: $0, text: "", value: value) }
        }
        return removed + list("\(direction)_headers_to_add").compactMap(\.headerChange)
    }
}

/// All changes of the header fields of a message, one after the other, as one filter.
struct HeaderModification {
    private struct Outcome {
        var isRemoved = false
        var set: String?
        var added: String?
    }

    private var order: [String] = []
    private var outcomes: [String: Outcome] = [:]

    /// `changes` in the order in which Envoy makes them.
    init(_ changes: [HeaderChange]) {
        for change in changes {
            var outcome = outcomes[change.name] ?? Outcome()
            if outcomes[change.name] == nil { order.append(change.name) }
            switch change.kind {
            case .remove: outcome = Outcome(isRemoved: true)
            case .set: outcome = Outcome(set: change.text)
            case .add where outcome.isRemoved: outcome = Outcome(set: change.text)
            case .add where outcome.added != nil:
                change.value.refuse(
                    "adds `\(change.name)` a second time", "add one value, with commas in it if need be")
            case .add: outcome.added = change.text
            }
            outcomes[change.name] = outcome
        }
    }

    var names: Set<String> { Set(order) }

    func filter(_ type: String, _ field: String) -> YAMLText? {
        guard !order.isEmpty else { return nil }
        func fields(_ value: (Outcome) -> String?) -> [YAMLText] {
            order.compactMap { name in
                guard let text = outcomes[name].flatMap(value) else { return nil }
                return .mapping([("name", .word(name)), ("value", .word(text))])
            }
        }
        var modifier = YAMLFields()
        modifier.add("set", fields(\.set))
        modifier.add("add", fields(\.added))
        modifier.add("remove", order.filter { outcomes[$0]?.isRemoved == true }.map { .word($0) })
        return .mapping([("type", .word(type)), (field, .mapping(modifier.all))])
    }
}
