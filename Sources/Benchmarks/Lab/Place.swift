// Part of Weft. Licensed under the Apache License 2.0; see LICENSE.

import Foundation

/// Where the benchmark takes place. Everything has one name, so that the configurations of the contenders are plain
/// files; for the same reason only one benchmark runs at a time, which is the only way to measure anyhow.
///
///     weft-benchmark-client, 10.98.0.1                 weft-benchmark-server, 10.98.0.2
///     load ── redirect ──▶ proxy :15001 ═══ eth0 ═══▶ redirect ──▶ proxy :15006 ──▶ server :8080
///     load ── not captured ─────────────── eth0 ─────────────────────────────────▶ server :8081
enum Place {
    static let directory = "/run/weft-benchmark"
    static let client = "weft-benchmark-client"
    static let server = "weft-benchmark-server"
    /// Who the proxies run as, whose traffic is not captured.
    static let user = 2102
    /// Behind the proxies of whichever contender runs.
    static let captured = "10.98.0.2:8080"
    /// A service with routes, whose only endpoint that is.
    static let service = "10.98.1.1:80"
    /// On ports that the rules skip.
    static let direct = "10.98.0.2:8081"

    static func inside(_ namespace: String) -> [String] { ["ip", "netns", "exec", namespace] }

    /// Ports are not to run out when each request has a connection: those that rest after a close are used again after a
    /// second, and conntrack forgets them soon.
    static let network = """
        for place in \(client) \(server); do
            ip netns add $place
            ip -n $place link set lo up
        done
        ip link add eth0 netns \(client) type veth peer name eth0 netns \(server)
        ip -n \(client) address add 10.98.0.1/24 dev eth0
        ip -n \(server) address add 10.98.0.2/24 dev eth0
        ip -n \(client) link set eth0 up
        ip -n \(server) link set eth0 up
        ip -n \(client) route add default via 10.98.0.2
        ip -n \(server) route add default via 10.98.0.1
        for place in \(client) \(server); do
            ip netns exec $place sh -euc '
                echo "16384 65535" > /proc/sys/net/ipv4/ip_local_port_range
                echo 1 > /proc/sys/net/ipv4/tcp_tw_reuse
                echo 4096 > /proc/sys/net/core/somaxconn
                echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6'
        done
        """

    static let forgetSoon = """
        for place in \(client) \(server); do
            ip netns exec $place sh -c 'echo 5 > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_time_wait'
        done
        """

    /// An identity for each hop by `weft ca`, certified once more with a name that haproxy and nginx can compare.
    static func identities(weft: String, configurations: String) -> String {
        """
        cd \(directory)
        '\(weft)' ca create --trust-domain benchmark.weft --directory ca
        for name in client server; do
            '\(weft)' ca issue --directory ca --service-account $name --output $name
            openssl req -new -key $name/key.pem -subj /CN=$name -out request.pem
            SPIFFE_ID=spiffe://benchmark.weft/ns/default/sa/$name openssl x509 -req -in request.pem -days 1 \
                -CA ca/intermediate.pem -CAkey ca/intermediate-key.pem -set_serial 0x$(openssl rand -hex 8 | sed s/^./5/) \
                -extfile '\(configurations)/leaf.cnf' -extensions leaf -out leaf.pem
            cp ca/intermediate.pem $name/intermediate.pem
            cat leaf.pem ca/intermediate.pem >$name/chain.pem
            cat $name/chain.pem $name/key.pem >$name/combined.pem
            chmod 0600 $name/combined.pem
            mkdir -m 0700 state-$name nginx-$name
            chown -R \(user):\(user) $name state-$name nginx-$name
        done
        """
    }

    static let removal = """
        for place in \(client) \(server); do
            if [ -e /run/netns/$place ]; then ip netns delete $place; fi
        done
        rm -rf \(directory)
        """
}
