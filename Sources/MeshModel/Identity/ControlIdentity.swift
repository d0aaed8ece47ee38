// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// Who the control plane is, for those who talk to it: it proves both, an identity and a host name, and clients check both.
package enum ControlIdentity {
    package static let namespace: ResourceName = constant("weft-system")
    package static let serviceAccount: ResourceName = constant("weft-control")

    package static func spiffeID(in trustDomain: TrustDomain) -> SPIFFEID {
        SPIFFEID(trustDomain: trustDomain, namespace: namespace, serviceAccount: serviceAccount)
    }

    package static func hostName(in trustDomain: TrustDomain) -> String { "control.\(trustDomain)" }

    private static func constant(_ text: String) -> ResourceName {
        guard let name = ResourceName(text) else { preconditionFailure("`\(text)` is a DNS label.") }
        return name
    }
}
