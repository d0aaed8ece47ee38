// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What holds for the whole mesh.
package struct MeshSettings: Hashable, Sendable {
    /// The trust domain of this proxy's own identity; nil takes it from the certificate.
    package var trustDomain: TrustDomain?

    /// Where workloads and virtual addresses may live. An address in here that nobody knows is refused, never passed in
    /// plaintext; empty means that everything unknown is outside the mesh.
    package var ranges: [AddressRange] = []

    /// What services without an address get theirs from, where there is a control plane; nil: ``defaultVirtualRanges``.
    package var virtualRanges: [AddressRange]?

    /// Whether somebody of the own trust domain may call a workload that no policy is for.
    package var defaultEffect = Policy.Effect.allow

    /// Nobody routes it (RFC 1112 section 4 keeps it for later), and no network of anybody's own is likely to have it.
    package static let defaultVirtualRanges = [AddressRange("240.240.0.0/16")].compactMap(\.self)

    package init() {}
}

/// The roots of another trust domain: in a file of the proxy, or, where a control plane hands them on, as they are.
package struct TrustSettings: Hashable, Sendable {
    package let trustDomain: TrustDomain
    /// Empty where the certificates are here.
    package let bundlePath: String
    /// In PEM; nil where a file has them.
    package let certificates: String?

    package init(trustDomain: TrustDomain, bundlePath: String) {
        self.trustDomain = trustDomain
        self.bundlePath = bundlePath
        certificates = nil
    }

    package init(trustDomain: TrustDomain, certificates: String) {
        self.trustDomain = trustDomain
        bundlePath = ""
        self.certificates = certificates
    }
}

/// The resources a proxy works with, as read from a file or told by a control plane. Immutable; swapped whole.
package struct MeshResources: Hashable, Sendable {
    package var mesh = MeshSettings()
    package var workloads: [Workload] = []
    package var services: [Service] = []
    package var trust: [TrustSettings] = []
    package var routes: [Route] = []
    package var connectionRoutes: [ConnectionRoute] = []
    package var gateways: [Gateway] = []
    package var filters: [FilterResource] = []
    package var policies: [Policy] = []

    package init() {}
}
