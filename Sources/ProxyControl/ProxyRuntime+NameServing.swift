// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
internal import MeshModel
internal import NameServing
internal import Telemetry

/// Questions about names that the application asks: what is of the mesh is answered from the resources in force.
extension ProxyRuntime {
    /// Answers by these resources from now on.
    func serveNames(of file: ConfigurationFile) {
        guard nameServer != nil else { return }
        meshNames = MeshNames(file.resources, workload: file.proxy.workload)
        useResolvers()
    }

    /// Takes the resolvers of the configuration, else those of the system, which change while the proxy runs: a lease is
    /// renewed, a tunnel opened.
    func useResolvers() {
        guard let nameServer else { return }
        let configured = state.file.proxy.names.resolvers
        let before = nameServer.resolvers
        nameServer.use(resolvers: configured.isEmpty ? ResolverFile.resolvers() : configured)
        let now = nameServer.resolvers
        guard now != before || now.isEmpty != state.isWithoutResolvers else { return }
        state.isWithoutResolvers = now.isEmpty
        guard !now.isEmpty else {
            let problem = Problem(.resolversMissing, "names that are not of the mesh are not answered")
            return log.log(LogLine(.error, "there is no resolver", problem))
        }
        let list = now.map(\.description).joined(separator: " ")
        log.log(LogLine(.info, "names are passed on", [("resolvers", list)]))
    }
}
