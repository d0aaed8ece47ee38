// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import ControlLink
import LinuxSystem
import MeshModel
import Reactor
import TLSSession

/// A proxy without a data path: it talks to the control plane by the very code of `weft-proxy`, over its
/// watch, keeps what it is told, and acknowledges an update when digests, drift and signature are right. What it leaves
/// out is what a proxy does with the documents on its own machine.
final class SimulatedProxy {
    let number: Int
    private let place: CrowdPlace
    private let link: ControlLink
    private let workload: ResourceReference
    private let wants: Wants
    private var mesh = ControlledMesh()
    private var material: IdentityMaterial?
    private var instance: String
    /// The newest revision that the control plane knows to be acknowledged, and when its answer to that came.
    private(set) var acknowledged: (revision: UInt64, at: Instant)?
    /// Watches, or attempts to begin one, that have ended; another one follows by itself.
    private(set) var losses = 0
    /// Called whenever an acknowledgement has been answered.
    var progressed: () -> Void = {}
    var failed: (Problem) -> Void = { _ in }
    private var connected: [() -> Void] = []

    init(_ place: CrowdPlace, _ number: Int, _ wants: Wants) {
        self.place = place
        self.number = number
        self.wants = wants
        workload = ResourceReference(name: CrowdText.name("proxy-\(number)"))
        var random = KernelRandom()
        instance = CrowdText.hexadecimal(random.next())
        link = ControlLink(place.loop, place.settings)
        link.greet = { [unowned self] in
            WatchRequest(
                workload: workload, instance: instance, addresses: [Self.address(number)], have: mesh.holdings,
                wants: self.wants)
        }
        link.tell = { [unowned self] event in handle(event) }
    }

    /// Inside the ranges of the mesh; nobody dials it.
    private static func address(_ number: Int) -> IPAddress {
        .v4(IPv4Address(bits: 10 << 24 | 99 << 16 | UInt32(number)))
    }

    func begin(_ material: IdentityMaterial) throws(Problem) {
        self.material = material
        try link.use(material)
    }

    /// Begins with a certificate of its own, over a fresh key, that a member of the same service asks for.
    func begin(asking member: SimulatedProxy) {
        member.whenConnected { [unowned self] in
            do throws(Problem) {
                let key = try PrivateKey.make()
                let request = CertificateRequestMessage(csr: try key.certificateRequest())
                member.link.askForCertificate(request) { [unowned self] result in
                    do throws(Problem) {
                        let answer = try result.get()
                        guard let chain = Certificate.list(pem: Array(answer.chain.utf8), limit: 8),
                            let old = member.material
                        else { throw Problem(.identityMalformed, "there is no chain in the answer") }
                        try begin(
                            IdentityMaterial(
                                identity: old.identity, chain: chain, key: key, bundles: old.bundles, generation: 1))
                    } catch {
                        failed(error)
                    }
                }
            } catch {
                failed(error)
            }
        }
    }

    private func whenConnected(_ body: @escaping () -> Void) {
        if link.isConnected { body() } else { connected.append(body) }
    }

    func stop() { link.stop() }

    private func handle(_ event: ControlLink.Event) {
        switch event {
        case .connected:
            let waiting = connected
            connected = []
            for body in waiting { body() }
        case .message(.update(let update)): take(update)
        case .message: break
        case .lost: losses += 1
        }
    }

    private func take(_ update: Update) {
        do throws(Problem) {
            let next = try mesh.applying(update)
            guard let checkpoint = update.checkpoint, let material else {
                throw Problem(.snapshotIgnored, "the update is not signed")
            }
            try place.judge(checkpoint, material, for: workload)
            mesh = next
            link.acknowledge(Acknowledgement(sequence: update.sequence, revision: update.revision)) { [unowned self] in
                if acknowledged?.revision != update.revision { acknowledged = (update.revision, Instant.now()) }
                progressed()
            }
        } catch {
            failed(error)
        }
    }
}

enum CrowdText {
    /// Sixteen digits.
    static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    static func name(_ text: String) -> ResourceName {
        guard let name = ResourceName(text) else { preconditionFailure("The names of the crowd are names.") }
        return name
    }
}
