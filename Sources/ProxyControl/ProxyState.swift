// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import ConnectionStates
internal import MeshModel
internal import TLSSession

/// What the control thread knows of the proxy at a moment; the admin endpoints show it.
struct ProxyState {
    var file: ConfigurationFile
    var identity: IdentityMaterial?
    /// Why the identity in force is not the one in the files, or why there is none.
    var identityProblem: Problem?
    /// The certificate has ended and is not renewed yet.
    var expiryProblem: Problem?
    /// Why the configuration in force is not the one in the file.
    var configurationProblem: Problem?
    var isListening = false
    var isDraining = false
    /// There is a control plane, and nothing of it is in force yet.
    var isControlAwaited = false
    /// The control plane has not heard yet that the first configuration is in force: nobody else knows of this workload.
    var isUnannounced = false
    /// Why nothing has come of the control plane.
    var controlProblem: Problem?
    /// The first answers about names are still waited for.
    var isResolvingNames = false
    /// There is nobody to pass questions about names on to.
    var isWithoutResolvers = false
    var reloads: (done: UInt64, rejected: UInt64) = (0, 0)
    var identityChanges: (done: UInt64, rejected: UInt64) = (0, 0)
    let descriptorLimit: Int
    /// What the memory is measured against; nil where there is no limit.
    let memoryLimit: Int64?
    var pressure = MemoryPressure.none
    let startedAt: WallTime

    /// What keeps the proxy from being ready, one sentence each; empty when it is.
    var unready: [String] {
        var reasons: [String] = []
        if isDraining { reasons.append("it drains") }
        if !isListening { reasons.append("its listeners are not up") }
        if isResolvingNames { reasons.append("names of endpoints are being looked up") }
        if isControlAwaited {
            let reason = controlProblem.map { ": \($0.description)" } ?? ""
            reasons.append("nothing has come from the control plane yet\(reason)")
        } else if isUnannounced {
            reasons.append("the control plane has not heard yet that it is here")
        }
        if let expiryProblem {
            reasons.append("its certificate has expired: \(expiryProblem.description)")
        } else if identity == nil, file.proxy.identityPaths != nil {
            reasons.append("it has no identity: \(identityProblem?.description ?? "not loaded yet")")
        }
        return reasons
    }
}
