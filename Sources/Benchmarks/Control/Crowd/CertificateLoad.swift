// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import ControlAPI
import ControlLink
import LinuxSystem
import MeshModel
import Reactor
import TLSSession

/// Members that do nothing but renew: each asks for a certificate as soon as it has got the one before, over a connection that
/// is kept, and each is a renewal that the store keeps. The request is the same every time, so that making keys costs nothing
/// here.
final class CertificateLoad: EventHandler {
    private let place: CrowdPlace
    private let duration: Duration
    private let say: (String) -> Void
    private let failed: (String) -> Void
    private var links: [ControlLink] = []
    private var waiting: Int
    private var issued = 0
    private var counted: (from: Instant, count: Int)?

    init(
        _ place: CrowdPlace, _ materials: ArraySlice<IdentityMaterial>, _ duration: Duration,
        say: @escaping (String) -> Void, failed: @escaping (String) -> Void
    ) {
        self.place = place
        self.duration = duration
        self.say = say
        self.failed = failed
        waiting = materials.count
        super.init()
        place.loop.add(self)
        for (number, material) in materials.enumerated() {
            do throws(Problem) { try add(number, material) } catch { failed("\(error)") }
        }
    }

    private func add(_ number: Int, _ material: IdentityMaterial) throws(Problem) {
        let link = ControlLink(place.loop, place.settings)
        let request = CertificateRequestMessage(csr: try PrivateKey.make().certificateRequest())
        var random = KernelRandom()
        let instance = CrowdText.hexadecimal(random.next())
        // Without an address it is no endpoint of anything.
        link.greet = {
            WatchRequest(
                workload: ResourceReference(name: CrowdText.name("renewer-\(number)")), instance: instance,
                addresses: [])
        }
        link.tell = { [unowned self, unowned link] event in
            switch event {
            case .connected:
                waiting -= 1
                ask(link, request)
                // Until caches are warm.
                if waiting == 0 { place.loop.setDeadline(place.loop.now + .milliseconds(500), of: self) }
            case .lost(let problem, _): failed("\(problem)")
            case .message(.update(let update)):
                link.acknowledge(Acknowledgement(sequence: update.sequence, revision: update.revision))
            case .message: break
            }
        }
        links.append(link)
        try link.use(material)
    }

    private func ask(_ link: ControlLink, _ request: CertificateRequestMessage) {
        link.askForCertificate(request) { [unowned self, unowned link] result in
            if case .failure(let problem) = result { return failed("\(problem)") }
            issued += 1
            ask(link, request)
        }
    }

    func go() {
        let now = Instant.now()
        counted = (now, issued)
        place.loop.setDeadline(now + duration, of: self)
    }

    override func deadlineReached(now: Instant) {
        guard let counted else { return say("ready") }
        say("\(issued - counted.count) \(Double((Instant.now() - counted.from).wholeNanoseconds) / 1e9)")
        self.counted = nil
    }

    func stop() {
        for link in links { link.stop() }
        links = []
        place.loop.remove(self)
    }
}
