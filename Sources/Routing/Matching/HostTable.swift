// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// Values by the hosts they are for, found from the most precise on: exact hosts, then wildcards from the longest on, then
/// what is for every host.
package struct HostTable<Value: Sendable>: Sendable {
    private var exact: [String: Value] = [:]
    /// Longest first.
    private var wildcards: [(host: HostPattern, value: Value)] = []
    private var any: Value?

    package init() {}

    /// Changes the value of a host; nil: of every host.
    package mutating func update(
        _ host: HostPattern?, default initial: @autoclosure () -> Value, _ change: (inout Value) -> Void
    ) {
        guard let host else {
            var value = any ?? initial()
            change(&value)
            any = value
            return
        }
        if !host.isWildcard {
            change(&exact[host.name, default: initial()])
        } else if let index = wildcards.firstIndex(where: { $0.host == host }) {
            change(&wildcards[index].value)
        } else {
            var value = initial()
            change(&value)
            let length = host.name.utf8.count
            let place = wildcards.firstIndex { $0.host.name.utf8.count < length } ?? wildcards.endIndex
            wildcards.insert((host, value), at: place)
        }
    }

    package mutating func updateAll(_ change: (inout Value) -> Void) {
        exact = exact.mapValues { Self.changed($0, change) }
        for index in wildcards.indices { change(&wildcards[index].value) }
        if let value = any { any = Self.changed(value, change) }
    }

    private static func changed(_ value: Value, _ change: (inout Value) -> Void) -> Value {
        var value = value
        change(&value)
        return value
    }

    /// What `body` finds first. `host` in lower case and without a port; it is asked for only where some value is for one.
    package func first<Result>(for host: @autoclosure () -> String, _ body: (Value) -> Result?) -> Result? {
        guard !exact.isEmpty || !wildcards.isEmpty else { return any.flatMap(body) }
        let host = host()
        if let value = exact[host], let result = body(value) { return result }
        for (pattern, value) in wildcards where pattern.matches(host) {
            if let result = body(value) { return result }
        }
        return any.flatMap(body)
    }

    /// The value that is most precisely for a host.
    package func best(for host: String) -> Value? { first(for: host) { $0 } }

    /// What is for every host.
    package var forAll: Value? { any }
}
