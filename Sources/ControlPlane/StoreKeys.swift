// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import MeshModel

/// Where things are in the store. Every key of the control plane is made here.
///
/// ```
/// head                                   the newest published revision
/// revision/0000000087                    who wrote it, when, why, under which attempt
/// change/0000000087-<attempt>/Kind/ns/n  a document of that revision; empty where it was deleted
/// token/<id>                             a join token: a hash of its secret, what it is for, who used it
/// member/<ns>/<name>                     a workload that has joined: its identity and newest certificate
/// serial/<hex>                          whose newest certificate, or the one before, has this number
/// proxy/<ns>/<name>/<instance>           a proxy that is connected, with the session of its replica
/// proxy/@<session>                       a replica that runs, with its lease
/// acknowledged/<replica>                 what the proxies of a replica have acknowledged
/// virtual/<ns>/<name>                    the virtual addresses of a service
/// deny/serial/<hex>, deny/identity/<id>  who is believed no more
/// removed/<id>                           when the last workload with that identity was taken out
/// ca/root/<fingerprint>                  a root and the step of its rotation
/// ca/request/<replica>, ca/issued/...    a replica that asks for its intermediate, and the answer
/// credential/<id>                        who may use the API, and a hash of his secret
/// audit/<time>-<random>                  a write, who did it, what came of it
/// ```
enum StoreKeys {
    static let head = "head"
    static let revisions = "revision/"
    static let changes = "change/"
    static let tokens = "token/"
    static let members = "member/"
    static let serials = "serial/"
    static let proxies = "proxy/"
    static let acknowledged = "acknowledged/"
    static let virtualAddresses = "virtual/"
    static let denied = "deny/"
    static let deniedSerials = denied + "serial/"
    static let removals = "removed/"
    static let roots = "ca/root/"
    static let authorityRequests = "ca/request/"
    static let authorityAnswers = "ca/issued/"
    static let audit = "audit/"
    static let credentials = "credential/"

    static func revision(_ number: UInt64) -> String { revisions + padded(number) }

    /// Below it, in order, the documents of one attempt to write a revision. Only that of the revision's record counts.
    static func change(_ number: UInt64, attempt: String) -> String { "\(changes)\(padded(number))-\(attempt)/" }

    static func token(_ id: String) -> String { tokens + id }
    static func serial(_ serial: String) -> String { serials + serial }
    static func credential(_ id: String) -> String { credentials + id }
    static func member(_ workload: ResourceReference) -> String { "\(members)\(workload)" }
    static func proxy(_ workload: ResourceReference, instance: String) -> String { "\(proxies)\(workload)/\(instance)" }
    /// Below the proxies, so that whoever follows them hears of both in the order in which they were written.
    static func session(_ session: String) -> String { "\(proxies)@\(session)" }

    /// The session whose key it is.
    static func readSession(_ key: String) -> String? {
        let name = key.dropFirst(proxies.count)
        return key.hasPrefix(proxies) && name.first == "@" ? String(name.dropFirst()) : nil
    }

    static func acknowledged(_ replica: ResourceName) -> String { "\(acknowledged)\(replica)" }
    static func virtualAddress(_ service: ResourceReference) -> String { "\(virtualAddresses)\(service)" }
    static func deniedSerial(_ serial: String) -> String { deniedSerials + serial }
    static func deniedIdentity(_ identity: SPIFFEID) -> String { "\(denied)identity/\(identity)" }
    static func removed(_ identity: SPIFFEID) -> String { "\(removals)\(identity)" }
    static func root(_ fingerprint: String) -> String { roots + fingerprint }
    static func authorityRequest(_ replica: ResourceName) -> String { "\(authorityRequests)\(replica)" }
    static func authorityAnswer(_ replica: ResourceName) -> String { "\(authorityAnswers)\(replica)" }

    /// One of two who write a revision at once.
    static func attempt(_ drawn: UInt64) -> String { String(drawn, radix: 36) }

    /// So that keys are ordered as numbers are.
    static func padded(_ number: UInt64) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 20 - digits.utf8.count)) + digits
    }
}
