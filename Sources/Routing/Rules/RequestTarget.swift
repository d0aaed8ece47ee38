// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// The target of a request, as path and query.
struct RequestTarget {
    let path: String
    /// With its question mark; empty where there is none.
    let query: String

    init(_ target: String) {
        let end = target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        path = String(target[..<end])
        query = String(target[end...])
    }

    /// The target with another path and the same query. `*` and the empty target of CONNECT are no paths, and stay.
    func rewritten(_ rewrite: RouteFilter.PathRewrite, matchedPrefix: String?) -> String {
        guard path.utf8.first == UInt8(ascii: "/") else { return path + query }
        switch rewrite {
        case .whole(let replacement): return replacement + query
        case .prefix(let replacement):
            guard let matchedPrefix else { return path + query }
            return replaced(PathPrefix.trimmed(matchedPrefix), by: replacement) + query
        }
    }

    /// As the table of the Gateway API (HTTPPathModifier.replacePrefixMatch) has it: of `/foo/bar`, `/foo` by `/xyz`
    /// gives `/xyz/bar`, and by nothing `/bar`; slashes at the end of either mean nothing.
    private func replaced(_ prefix: String, by replacement: String) -> String {
        guard PathPrefix.matches(prefix, path) else { return path }
        let rest = String(decoding: path.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
        let whole = PathPrefix.trimmed(replacement) + rest
        return whole.isEmpty ? "/" : whole
    }
}
