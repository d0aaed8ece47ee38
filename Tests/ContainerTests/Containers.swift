// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import MeshTesting
import Testing

/// Real OCI containers, as a pod has them: an init step, a sidecar and an application that share a network namespace
/// and nothing else but what is mounted.
///
///     pod "client"                                       pod "server"
///     init         root, NET_ADMIN and NET_RAW only      the same
///     sidecar      uid 2102, nothing, process 1
///     application  uid 1000
@Suite("Containers", .serialized, .needsRoot, .unlessContainersAreSkipped, .networkLab, .containers)
enum Containers {}
