// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Looks, before anything is measured, whether a contender does what is compared: mutual TLS 1.3 between the hops.
struct Proof {
    let lab: Lab
    let contender: Contender

    func check() throws {
        try lab.with(contender) { _ in
            try checkCable()
            guard contender != .direct else { return }
            try checkStrangers()
        }
    }

    /// A marker that the client sends is seen on the cable only where nothing encrypts; that the direct one is seen shows
    /// that the listener would see the others.
    private func checkCable() throws {
        let marker = "marker-\(UInt32.random(in: 0 ... .max))"
        let listener = try lab.start(["listen", "eth0", marker], in: Place.server)
        try listener.expect("ready")
        try lab.ask(contender, marker: marker)
        listener.endInput()
        let counts = try listener.line().split(separator: " ").compactMap { Int($0) }
        guard counts.count == 2, counts[0] > 0 else { throw BenchmarkFailure("\(contender): nothing is on the cable") }
        guard (counts[1] > 0) == (contender == .direct) else {
            throw BenchmarkFailure("\(contender): \(counts[1]) of \(counts[0]) frames held the marker")
        }
    }

    /// Without a certificate, with one that nobody trusts, and with TLS 1.2 nothing gets in; with the client's it does.
    private func checkStrangers() throws {
        let identity = "-cert client/chain.pem -cert_chain client/intermediate.pem -key client/key.pem"
        try expect(true, "the client's certificate", "-tls1_3 \(identity)")
        try expect(false, "no certificate", "-tls1_3")
        try expect(false, "a stranger's certificate", "-tls1_3 -cert stranger.pem -key stranger-key.pem")
        try expect(false, "TLS 1.2", "-tls1_2 \(identity)")
    }

    /// What comes back decides: OpenSSL's client takes a TLS 1.3 handshake for done before the server has judged the
    /// certificate. Who is welcome hears something (the application's answer, or the greeting of `weft/1`), who is refused
    /// gets an alert or an end.
    private func expect(_ isWelcome: Bool, _ what: String, _ options: String) throws {
        let output = try Shell.run(
            """
            cd \(Place.directory)
            [ -e stranger.pem ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
                -subj /CN=client -keyout stranger-key.pem -out stranger.pem 2>errors
            chmod 0644 stranger-key.pem
            { printf 'GET /bytes/1 HTTP/1.1\\r\\n\\r\\n'; sleep 0.5; } | ip netns exec \(Place.client) \
                setpriv --reuid \(Place.user) --regid \(Place.user) --clear-groups \
                timeout 5 openssl s_client -connect \(Place.captured) -alpn weft/1 -servername server -brief \
                -CAfile server/bundle.pem -verify_return_error \(options) >answer 2>errors || true
            echo "$(wc -c <answer) bytes came back"
            cat errors
            """)
        let isRefused = output.hasPrefix("0 ")
        let isProven = output.contains("TLSv1.3") && output.contains("Verification: OK")
        guard isWelcome ? isProven && !isRefused : isRefused else {
            throw BenchmarkFailure("\(contender): \(what) is \(isRefused ? "refused" : "let in"):\n\(output)")
        }
    }
}
