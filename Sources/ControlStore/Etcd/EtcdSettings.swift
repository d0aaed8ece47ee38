// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

package import MeshModel

/// How etcd is reached.
package struct EtcdSettings: Sendable, Hashable {
    /// `https://10.0.0.1:2379` and so on. All of one cluster; the first that answers is used, and the next when it does
    /// not any more.
    package var endpoints: [String]

    /// What every key begins with, so that one etcd can serve others as well.
    package var prefix = "/weft/"

    package var user: User?

    package var tls: TLS?

    /// How long a call may take, tries at other endpoints included.
    package var callTimeout: Duration = .seconds(10)

    /// How long making a connection may take.
    package var connectTimeout: Duration = .seconds(2)

    /// A watch on which nothing has come for so long is made anew: silence and a connection that was cut without a word
    /// look the same.
    package var watchRenewal: Duration = .seconds(15)

    package init(endpoints: [String]) { self.endpoints = endpoints }

    /// etcd's own user and password.
    package struct User: Sendable, Hashable {
        package var name: String
        package var password: String

        package init(name: String, password: String) {
            self.name = name
            self.password = password
        }
    }

    /// Files in PEM, read once.
    package struct TLS: Sendable, Hashable {
        /// Who may have signed etcd's certificate; nil for the system's authorities.
        package var authorities: String?
        /// Our certificate with its chain, and its key: both or neither.
        package var certificate: String?
        package var key: String?

        package init(authorities: String? = nil, certificate: String? = nil, key: String? = nil) {
            self.authorities = authorities
            self.certificate = certificate
            self.key = key
        }
    }

    /// Everything that is wrong with it.
    package func check() throws(Problem) {
        guard !endpoints.isEmpty else {
            throw Problem(.storeSettings, "there is no endpoint of etcd", remedy: "name one: `http://127.0.0.1:2379`")
        }
        for endpoint in endpoints {
            let isSecure = endpoint.hasPrefix("https://")
            let rest = endpoint.dropFirst(isSecure ? 8 : 7)
            guard isSecure || endpoint.hasPrefix("http://"), !rest.isEmpty,
                rest.utf8.allSatisfy({ (0x21...0x7e).contains($0) && !"/?#@\\\"".utf8.contains($0) })
            else {
                throw Problem(
                    .storeSettings, "`\(endpoint)` is no endpoint of etcd", remedy: "write `https://host:port`")
            }
            guard isSecure || user == nil || Self.isLoopback(rest) else {
                throw Problem(
                    .storeSettings, "a password would go to `\(endpoint)` in plain text", remedy: "write `https://`")
            }
            guard isSecure || tls == nil else {
                throw Problem(
                    .storeSettings, "`\(endpoint)` is without TLS, which the other settings ask for",
                    remedy: "write `https://`")
            }
        }
        guard (1...128).contains(prefix.utf8.count), prefix.utf8.last == UInt8(ascii: "/") else {
            throw Problem(
                .storeSettings, "`\(prefix)` cannot be what keys begin with", remedy: "write such as `/weft/`")
        }
        guard (tls?.certificate == nil) == (tls?.key == nil) else {
            throw Problem(
                .storeSettings, "a client certificate and its key go together", remedy: "give both or neither")
        }
    }

    private static func isLoopback(_ address: Substring) -> Bool {
        ["127.", "localhost:", "[::1]:"].contains { address.hasPrefix($0) }
    }
}

/// Settings are printed in messages; passwords are not.
extension EtcdSettings.User: CustomStringConvertible, CustomReflectable {
    package var description: String { name }

    package var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}
