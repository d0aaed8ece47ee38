// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

internal import LinuxSystem
package import MeshModel
package import TLSSession

/// Keeps the certificates of HTTPS listeners up to date. Lives on the control thread, as ``IdentityKeeper`` does.
package final class GatewayKeeper {
    private var gateways: [Gateway] = []
    private var versions: [String: FileFacts.Version] = [:]
    private var lastProblem: Problem?
    package private(set) var material = GatewayMaterial()

    package init() {}

    /// The files that some gateways name.
    package static func files(of gateways: [Gateway]) -> [String] {
        gateways.flatMap(\.listeners).flatMap(\.certificates).flatMap { [$0.chain, $0.key] }
    }

    /// Loads what these gateways show. ``use(_:_:)`` puts it in force.
    package static func load(_ gateways: [Gateway]) throws(Problem) -> GatewayMaterial {
        var material = GatewayMaterial()
        for gateway in gateways {
            for listener in gateway.listeners where !listener.certificates.isEmpty {
                var all: [ServerCertificate] = []
                for certificate in listener.certificates {
                    let (chain, key) = try CredentialFiles.pair(chain: certificate.chain, key: certificate.key)
                    all.append(ServerCertificate(chain: chain, key: key))
                }
                material.certificates[gateway.label(of: listener)] = all
            }
        }
        return material
    }

    /// From now on these gateways' files are looked at, of which `material` has come.
    package func use(_ gateways: [Gateway], _ material: GatewayMaterial) {
        self.gateways = gateways
        self.material = material
        versions = currentVersions()
        lastProblem = nil
    }

    /// Looks whether a file has changed; what is to be shown from now on, or nil. Throws a problem once; what is in force
    /// stays.
    package func look() throws(Problem) -> GatewayMaterial? {
        guard !gateways.isEmpty else { return nil }
        let current = currentVersions()
        guard current != versions || lastProblem != nil else { return nil }
        versions = current
        do throws(Problem) {
            let loaded = try Self.load(gateways)
            lastProblem = nil
            guard !loaded.isSame(as: material) else { return nil }
            material = loaded
            return loaded
        } catch {
            guard error != lastProblem else { return nil }
            lastProblem = error
            throw error
        }
    }

    private func currentVersions() -> [String: FileFacts.Version] {
        Dictionary(
            Self.files(of: gateways).compactMap { file in (try? Files.facts(file)).map { (file, $0.version) } }
        ) { first, _ in first }
    }
}
