#!/bin/sh
# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
#
# Shows the mesh at work on one machine: an unmodified curl and an unmodified web server in two network namespaces, each
# behind a sidecar, and what travels between them.
#
#     namespace weft-demo-client                     namespace weft-demo-server
#     curl ── redirect ──▶ weft-proxy ══ weft/1 ══▶ redirect ──▶ weft-proxy ──▶ httpd
#     10.99.0.1                        (mutual TLS)                            10.99.0.2:8080
#
# Inputs: WEFT_BIN, the directory with weft, weft-init and weft-proxy. Needs root, iproute2, iptables, curl, busybox, tcpdump.
# Exit codes: 0 everything was shown, 1 something did not work, 2 something is missing.
set -eu

bin=${WEFT_BIN:?the directory that holds weft, weft-init and weft-proxy}
client=weft-demo-client
server=weft-demo-server
uid=2102
secret="marked-payload-$$"

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
fail() {
    printf '%s\n' "$*" >&2
    [ ! -d "${work:-}" ] || tail -n 20 "$work"/*.log >&2
    exit 1
}

if [ "$(id -u)" != 0 ]; then
    echo "The demo makes network namespaces and redirect rules in them, which takes root: sudo make demo" >&2
    exit 2
fi
for program in ip iptables curl busybox tcpdump setpriv; do
    command -v "$program" >/dev/null || { echo "$program is missing; make demo installs it" >&2; exit 2; }
done

work=$(mktemp -d)
started=""
cleanup() {
    for process in $started; do kill "$process" 2>/dev/null || true; done
    for process in $started; do wait "$process" 2>/dev/null || true; done
    ip netns delete "$client" 2>/dev/null || true
    ip netns delete "$server" 2>/dev/null || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

say "1. Two pods: network namespaces joined by a cable"
ip netns add "$client"
ip netns add "$server"
ip link add eth0 netns "$client" type veth peer name eth0 netns "$server"
ip -n "$client" address add 10.99.0.1/24 dev eth0
ip -n "$server" address add 10.99.0.2/24 dev eth0
for pod in "$client" "$server"; do
    ip -n "$pod" link set lo up
    ip -n "$pod" link set eth0 up
done
ip -n "$client" route add default via 10.99.0.2
ip -n "$server" route add default via 10.99.0.1
echo "10.99.0.1 is the client, 10.99.0.2 the server"

say "2. A certificate authority, and an identity for each pod"
"$bin/weft" ca create --trust-domain demo.weft --directory "$work/ca"
for name in client server; do
    "$bin/weft" ca issue --directory "$work/ca" --namespace default --service-account "$name" \
        --output "$work/$name" --owner "$uid"
    install -d -m 0700 -o "$uid" "$work/state-$name"
    cat >"$work/$name.yaml" <<EOF
kind: Proxy
metadata: {name: $name}
spec:
  identity: {chain: $work/$name/chain.pem, key: $work/$name/key.pem, bundle: $work/$name/bundle.pem}
  capture: {proxyUIDs: [$uid]}
  stateDirectory: $work/state-$name
  drain: {settle: 0s}
---
kind: Mesh
spec: {trustDomain: demo.weft, ranges: [10.99.0.0/24]}
---
kind: Workload
metadata: {name: client}
spec: {addresses: [10.99.0.1], spiffeID: spiffe://demo.weft/ns/default/sa/client}
---
kind: Workload
metadata: {name: server}
spec: {addresses: [10.99.0.2], spiffeID: spiffe://demo.weft/ns/default/sa/server}
EOF
done
chmod 0711 "$work"

say "3. The init step: redirect rules, proven by connecting"
for name in client server; do
    ip netns exec "weft-demo-$name" "$bin/weft-init" apply --config "$work/$name.yaml"
done

say "4. A sidecar in each pod, as a user of its own without any capability"
for name in client server; do
    ip netns exec "weft-demo-$name" setpriv --reuid "$uid" --regid "$uid" --clear-groups --inh-caps=-all \
        "$bin/weft-proxy" run --config "$work/$name.yaml" >"$work/$name.log" 2>&1 &
    started="$started $!"
done
for name in client server; do
    ip netns exec "weft-demo-$name" "$bin/weft-proxy" wait --ready --timeout 20s || fail "the proxy did not start"
done
echo "both are ready"

say "5. An unmodified server, an unmodified curl, and somebody who listens on the cable"
mkdir "$work/www"
echo "$secret" >"$work/www/index.html"
ip netns exec "$server" busybox httpd -f -p 10.99.0.2:8080 -h "$work/www" &
started="$started $!"
ip netns exec "$server" tcpdump -Z root --immediate-mode -i eth0 -U -s 0 -w "$work/cable.pcap" tcp 2>"$work/tcpdump.log" &
capture=$!
started="$started $capture"
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    grep -q listening "$work/tcpdump.log" && break
    sleep 0.2
done
echo "\$ curl http://10.99.0.2:8080/"
answer=$(ip netns exec "$client" curl -sS --retry 5 --retry-connrefused --max-time 10 http://10.99.0.2:8080/) \
    || fail "curl failed"
echo "$answer"
[ "$answer" = "$secret" ] || fail "the answer is not what the server has"
sleep 0.5
kill "$capture"
wait "$capture" 2>/dev/null || true

say "6. What the sidecars say of it"
for attempt in 1 2 3 4 5 6 7 8 9 10; do
    grep -q completed "$work/client.log" && grep -q completed "$work/server.log" && break
    sleep 0.2
done
grep completed "$work/client.log" || fail "the client's sidecar tells of no connection"
grep completed "$work/server.log" || fail "the server's sidecar tells of no connection"

say "7. What was on the cable"
if grep -aq "$secret" "$work/cable.pcap"; then
    fail "the payload travelled in plaintext"
fi
packets=$(tcpdump -r "$work/cable.pcap" 2>/dev/null | wc -l)
[ "$packets" -gt 10 ] || fail "nothing was captured on the cable"
echo "$packets packets, and not one with the payload: it was encrypted and both ends were proven"

say "8. A stranger without a certificate"
if ip netns exec "$client" setpriv --reuid "$uid" --clear-groups curl -sS --max-time 5 http://10.99.0.2:8080/ 2>"$work/stranger"; then
    fail "plaintext was let in"
fi
cat "$work/stranger"
echo "refused: the server's port is strict"
say "That is all; everything is taken down again."
