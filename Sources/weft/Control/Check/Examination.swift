// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import CertificateAuthority
import LinuxSystem
import MeshModel
import ResourceDocuments

/// Looks at the mesh from outside, through the API. What cannot be looked at is a finding too.
struct Examination {
    let client: ControlClient
    let failIfExpiring: Duration?
    let now: WallTime

    /// A workload's certificate that ends so soon has missed its renewals: they come at 75 % of its life at the latest.
    private static let renewalShare: Duration = .seconds(2 * 3600)

    func findings() async -> [Finding] {
        let info: Node
        do throws(Problems) {
            info = try await client.get("/v1/info")
        } catch {
            return [failure("control plane", error)]
        }
        var all = [
            Finding(
                subject: "control plane", verdict: .ok,
                text: "\(client.place) answers: \(info.text("trustDomain")), replica \(info.text("replica")), version "
                    + info.text("version"))
        ]
        all += await look("store") { () async throws(Problems) in
            let revisions = try await client.get("/v1/revisions").list("revisions")
            return [
                Finding(
                    subject: "store", verdict: .ok,
                    text: "answers; revision \(info.text("revision")), \(revisions.count) are kept")
            ]
        }
        all += await look("authority") { () async throws(Problems) in try await authority() }
        all += await look("proxies") { () async throws(Problems) in try await proxies() }
        all += await look("certificates") { () async throws(Problems) in try await members() }
        all += await look("services") { () async throws(Problems) in try await services() }
        all += await look("policies") { () async throws(Problems) in try await policies() }
        return all
    }

    private func look(
        _ subject: String, _ body: () async throws(Problems) -> [Finding]
    ) async -> [Finding] {
        do throws(Problems) { return try await body() } catch { return [failure(subject, error)] }
    }

    private func failure(_ subject: String, _ problems: Problems) -> Finding {
        Finding(
            subject: subject, verdict: .fail, text: problems.all.map(\.description).joined(separator: "; "), remedy: nil
        )
    }

    // MARK: Certificates

    private func authority() async throws(Problems) -> [Finding] {
        let certificates = try await client.get("/v1/ca").list("certificates")
        guard !certificates.isEmpty else {
            return [Finding(subject: "authority", verdict: .fail, text: "this replica has no certificate")]
        }
        return certificates.map { certificate in
            let role = certificate.text("role")
            let name = role == "serving" ? "the certificate that it serves with" : "the \(role)"
            guard let end = certificate.moment("notAfter"), let start = certificate.moment("notBefore") else {
                return Finding(subject: "authority", verdict: .warn, text: "\(name) does not say when it ends")
            }
            let text = "\(name) ends at \(end)"
            if end < now {
                return Finding(
                    subject: "authority", verdict: .fail, text: text + ", which is past", remedy: "see `weft ca status`"
                )
            }
            // The serving certificate lives for a day and is renewed by itself.
            if role != "serving", let failIfExpiring, end - now < failIfExpiring {
                return Finding(
                    subject: "authority", verdict: .fail,
                    text: text + ", within \(DurationText.lifetimeText(failIfExpiring))", remedy: "see `weft ca status`"
                )
            }
            let share = CertificateValidity(notBefore: start, notAfter: end).elapsedShare(at: now)
            // Everything but a root is renewed at half of its life.
            let limit = role == "root" ? 0.5 : 0.75
            if share > limit {
                return Finding(
                    subject: "authority", verdict: .warn, text: text + ", past \(Int(share * 100)) % of its life",
                    remedy: role == "root" ? "rotate the root" : "look at the log of `weft-control`")
            }
            return Finding(subject: "authority", verdict: .ok, text: text)
        }
    }

    private func members() async throws(Problems) -> [Finding] {
        let members = try await client.get("/v1/members").list("members")
        var findings: [Finding] = []
        for member in members {
            let name = "\(member.text("namespace"))/\(member.text("name"))"
            if member.isTrue("frozen") {
                findings.append(
                    Finding(
                        subject: "certificates", verdict: .fail,
                        text: "\(name) is frozen: two keys were renewed for one certificate",
                        remedy: "`weft identity thaw \(name)` or `weft identity deny \(member.text("identity"))`"))
            }
            guard let end = member.moment("notAfter") else { continue }
            if end < now {
                findings.append(
                    Finding(
                        subject: "certificates", verdict: .warn, text: "that of \(name) has ended, at \(end)",
                        remedy: "start its proxy within seven days, or `weft leave --workload \(name)`"))
            } else if end - now < Self.renewalShare {
                findings.append(
                    Finding(
                        subject: "certificates", verdict: .warn,
                        text: "that of \(name) ends at \(end) and has not been renewed",
                        remedy: "look whether its proxy runs and reaches the control plane"))
            }
        }
        if findings.isEmpty {
            findings.append(
                Finding(
                    subject: "certificates", verdict: .ok,
                    text: "joined: \(members.count); none of their certificates is about to end"))
        }
        return findings
    }

    // MARK: Proxies and services

    private func proxies() async throws(Problems) -> [Finding] {
        let answer = try await client.get("/v1/proxies")
        let proxies = answer.list("proxies")
        var findings: [Finding] = []
        for proxy in proxies {
            let name = "\(proxy.text("namespace"))/\(proxy.text("name"))"
            switch ProxyState(proxy) {
            case .synced, .elsewhere: continue
            case .late:
                findings.append(
                    Finding(
                        subject: "proxies", verdict: .warn,
                        text: "\(name) has not acknowledged revision \(proxy.text("sentRevision"))",
                        remedy: "look again; if it stays so, look at its log"))
            case .rejected(let reason):
                findings.append(
                    Finding(
                        subject: "proxies", verdict: .fail, text: "\(name) has rejected a revision: \(reason)",
                        remedy: "mend what it names, or `weft rollback`"))
            }
        }
        let connected = Set(proxies.map { "\($0.text("namespace"))/\($0.text("name"))" })
        let members = try await client.get("/v1/members").list("members")
        let missing = members.map { "\($0.text("namespace"))/\($0.text("name"))" }.filter { !connected.contains($0) }
        if !missing.isEmpty {
            let more = missing.count > 5 ? " and \(missing.count - 5) more" : ""
            findings.append(
                Finding(
                    subject: "proxies", verdict: .warn,
                    text: "not connected: \(missing.sorted().prefix(5).joined(separator: ", "))\(more)",
                    remedy: "start the proxy there, or `weft leave --workload NAME`"))
        }
        if findings.isEmpty {
            findings.append(
                Finding(subject: "proxies", verdict: .ok, text: "connected: \(connected.count); none is late"))
        }
        return findings
    }

    private func services() async throws(Problems) -> [Finding] {
        let services = try await client.get("/v1/services").list("services")
        let documents = try await client.get("/v1/resources/Service").list("resources")
        // Endpoints that are addresses or names are not the control plane's to count.
        let outside = Set(
            documents.filter { document in
                (document["spec"]?.list("endpoints") ?? []).contains { $0["workload"] == nil }
            }.map { "\($0.resourceNamespace)/\($0.resourceName)" })
        var findings: [Finding] = []
        for service in services {
            let name = "\(service.text("namespace"))/\(service.text("name"))"
            let endpoints = service.list("endpoints")
            guard !outside.contains(name), !endpoints.contains(where: { $0.isTrue("connected") }) else { continue }
            findings.append(
                Finding(
                    subject: "services", verdict: .warn,
                    text: endpoints.isEmpty
                        ? "\(name) has no endpoint"
                        : "none of the \(endpoints.count) endpoints of \(name) is connected",
                    remedy: "`weft token create --service \(service.text("name")) -n \(service.text("namespace"))`"))
        }
        if findings.isEmpty {
            findings.append(
                Finding(subject: "services", verdict: .ok, text: "there: \(services.count), each with an endpoint"))
        }
        return findings
    }
}

extension WallTime {
    static var current: WallTime { now() }
}
