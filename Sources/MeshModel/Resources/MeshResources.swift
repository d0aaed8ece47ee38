// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

/// What holds for the whole mesh.
package struct MeshSettings: Hashable, Sendable {
    /// The trust domain of this proxy's own identity; nil takes it from the certificate.
    package var trustDomain: TrustDomain?

    /// Where workloads and virtual addresses may live. An address in here that nobody knows is refused, never passed in
    /// plaintext; empty means that everything unknown is outside the mesh.
    package var ranges: [AddressRange] = []

    package init() {}
}

/// The roots of another trust domain, as a file.
package struct TrustSettings: Hashable, Sendable {
    package let trustDomain: TrustDomain
    package let bundlePath: String

    package init(trustDomain: TrustDomain, bundlePath: String) {
        self.trustDomain = trustDomain
        self.bundlePath = bundlePath
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
