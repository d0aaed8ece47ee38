// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import BenchmarkShared
import Foundation

/// Looks, before anything is measured, whether a contender does what is compared: mutual TLS 1.3 between the hops, and the
/// route that is asked for.
struct Proof {
    let lab: Lab
    let contender: Contender
    let speech: Speech

    func check() throws {
        try lab.with(contender, speech) { _ in
            if speech == .tcp || contender == .weftOpaque { try checkCable() } else { try checkRoute() }
            guard contender != .direct else { return }
            try checkStrangers()
        }
    }

    /// A rule in the middle of the route puts its name into the answer, another one does not, and the server is told who
    /// calls; all of it by curl, for which the server answers like any other.
    private func checkRoute() throws {
        guard contender != .direct else { return }
        let version = speech == .http2 ? "--http2-prior-knowledge" : "--http1.1"
        let curl =
            "ip netns exec \(Place.client) curl -sS -i --max-time 10 \(version) -H 'host: \(Call.host)' -H 'x-tenant: blue' "
            + "http://\(contender.address(speech))"
        let answer = try Shell.run("\(curl)'\(Call.path)'").lowercased()
        guard answer.hasPrefix(speech == .http2 ? "http/2 200" : "http/1.1 200"), answer.contains("x-rule: orders")
        else { throw BenchmarkFailure("\(contender.rawValue): the request is not routed:\n\(answer)") }
        let refused = try Shell.run("\(curl)/orders/10042/nothing-here?expand=items -X DELETE").lowercased()
        guard refused.hasPrefix(speech == .http2 ? "http/2 404" : "http/1.1 404") else {
            throw BenchmarkFailure("\(contender.rawValue): what no rule allows is routed:\n\(refused)")
        }
    }

    /// A marker that the client sends is seen on the cable only where nothing encrypts; that the direct one is seen shows
    /// that the listener would see the others.
    private func checkCable() throws {
        let marker = "marker-\(UInt32.random(in: 0 ... .max))"
        let listener = try lab.start(["listen", "eth0", marker], in: Place.server)
        try listener.expect("ready")
        try lab.ask(contender, .tcp, marker: marker)
        listener.endInput()
        let counts = try listener.line().split(separator: " ").compactMap { Int($0) }
        guard counts.count == 2, counts[0] > 0 else {
            throw BenchmarkFailure("\(contender.rawValue): nothing is on the cable")
        }
        guard (counts[1] > 0) == (contender == .direct) else {
            throw BenchmarkFailure("\(contender.rawValue): \(counts[1]) of \(counts[0]) frames held the marker")
        }
    }

    /// With the client's certificate one gets in; with none, with one that nobody trusts and with TLS 1.2 nobody does.
    ///
    /// What comes back decides: OpenSSL's client takes a TLS 1.3 handshake for done before the server has judged the
    /// certificate. Who is welcome hears something (the application's answer, or the greeting of `weft/1`), who is refused
    /// gets an alert or an end.
    private func checkStrangers() throws {
        let identity = "-cert client/chain.pem -cert_chain client/intermediate.pem -key client/key.pem"
        // On a busy machine the greeting takes its time. The others are given as much.
        var refusals: [String] = []
        let patience = try [0.5, 2, 10].first { seconds in
            let answer = try knock("-tls1_3 \(identity)", seconds: seconds)
            if !answer.isProven { refusals.append("within \(seconds) s: \(answer.output)") }
            return answer.isProven
        }
        guard let seconds = patience else {
            throw BenchmarkFailure(
                "\(contender.rawValue): the client's certificate is refused:\n\(refusals.joined(separator: "\n"))")
        }
        for (what, options) in [
            ("no certificate", "-tls1_3"),
            ("a stranger's certificate", "-tls1_3 -cert stranger.pem -key stranger-key.pem"),
            ("TLS 1.2", "-tls1_2 \(identity)"),
        ] {
            let answer = try knock(options, seconds: seconds)
            guard !answer.isIn else {
                throw BenchmarkFailure("\(contender.rawValue): \(what) is let in:\n\(answer.output)")
            }
        }
    }

    private struct Answer {
        let output: String
        let isHTTP: Bool
        /// Something came back. Who reads requests has answers for strangers too, but not this one.
        var isIn: Bool { isHTTP ? output.contains("HTTP/1.1 200") : !output.hasPrefix("0 ") }
        /// And the server was who it should be.
        var isProven: Bool { isIn && output.contains("TLSv1.3") && output.contains("Verification: OK") }
    }

    private func knock(_ options: String, seconds: Double) throws -> Answer {
        // Ours speaks its own protocol between the hops, whatever it carries: it greets first, and ends if it hears another.
        let isOurs = contender == .weft || contender == .weftNoPool || contender == .weftOpaque
        let isHTTP = speech != .tcp && !isOurs
        let request = isOurs ? "" : "GET \(Call.path) HTTP/1.1\\r\\nHost: \(Call.host)\\r\\nX-Tenant: blue\\r\\n\\r\\n"
        let output = try Shell.run(
            """
            cd \(Place.directory)
            [ -e stranger.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
                -subj /CN=client -keyout stranger-key.pem -out stranger.pem 2>errors
            chmod 0644 stranger-key.pem
            { printf '\(request)'; sleep \(seconds); } | ip netns exec \(Place.client) \
                setpriv --reuid \(Place.user) --regid \(Place.user) --clear-groups \
                timeout 15 openssl s_client -connect \(Place.captured) -alpn \(isHTTP ? "http/1.1" : "weft/1") -servername server -brief \
                -CAfile server/bundle.pem -verify_return_error \(options) >answer 2>errors || true
            echo "$(wc -c <answer) bytes came back"
            head -c 12 answer | tr -dc '[:print:]'
            cat errors
            """)
        return Answer(output: output, isHTTP: isHTTP)
    }
}
