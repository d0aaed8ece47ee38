#!/bin/sh
# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
#
# The entry point of the init container: redirects the pod's TCP into its sidecar, proves it by connecting, and ends.
# Run again it changes nothing. Arguments are passed on to `weft-init apply`, after what the environment says.
#
# Takes: root with the capabilities NET_ADMIN and NET_RAW and no other, the pod's network namespace, iptables.
# Inputs, all optional; an empty variable counts as not set (an empty WEFT_CONFIG: no file):
#   WEFT_CONFIG                      the file that the sidecar reads too; /etc/weft/proxy.yaml if that is there.
#                                    What is set below overrides it; without it WEFT_PROXY_UID is required
#   WEFT_PROXY_UID                   the numeric uid of the sidecar
#   WEFT_INBOUND_PORT                15006      WEFT_OUTBOUND_PORT  15001      WEFT_METRICS_PORT  15020
#   WEFT_NAMES_PORT                  the sidecar's port for names, 15053: with it DNS is captured
#   WEFT_INBOUND_PORTS               capture only these ports of the pod: 80,8000-8099
#   WEFT_SKIP_INBOUND_PORTS          do not capture these
#   WEFT_SKIP_INBOUND_SOURCES        do not capture what comes from these ranges: 10.0.0.0/8
#   WEFT_OUTBOUND_PORTS              capture only connections to these ports
#   WEFT_SKIP_OUTBOUND_PORTS         do not capture these
#   WEFT_OUTBOUND_DESTINATIONS       capture only connections to these ranges
#   WEFT_SKIP_OUTBOUND_DESTINATIONS  do not capture connections to these
#   WEFT_UIDS                        capture only what these users send: 1000,2000-2999
#   WEFT_SKIP_UIDS                   do not capture what these users send
#   WEFT_BACKEND                     auto, nft or legacy
#   WEFT_ESTABLISHED                 connections that were open before: keep, report or reset
# Exit codes: those of `weft-init`: 0 proven, 1 failed and nothing changed, 2 wrong configuration, 3 not proven.
set -eu

config=${WEFT_CONFIG-/etc/weft/proxy.yaml}
# Named by somebody it must be there; by default it may be missing.
[ -n "${WEFT_CONFIG:-}" ] || [ -e "$config" ] || config=""

[ -z "$config" ] || set -- "--config=$config" "$@"
[ -z "${WEFT_PROXY_UID:-}" ] || set -- "--proxy-uid=$WEFT_PROXY_UID" "$@"
[ -z "${WEFT_INBOUND_PORT:-}" ] || set -- "--inbound-port=$WEFT_INBOUND_PORT" "$@"
[ -z "${WEFT_OUTBOUND_PORT:-}" ] || set -- "--outbound-port=$WEFT_OUTBOUND_PORT" "$@"
[ -z "${WEFT_METRICS_PORT:-}" ] || set -- "--metrics-port=$WEFT_METRICS_PORT" "$@"
[ -z "${WEFT_NAMES_PORT:-}" ] || set -- "--names-port=$WEFT_NAMES_PORT" "$@"
[ -z "${WEFT_INBOUND_PORTS:-}" ] || set -- "--inbound-ports=$WEFT_INBOUND_PORTS" "$@"
[ -z "${WEFT_SKIP_INBOUND_PORTS:-}" ] || set -- "--skip-inbound-ports=$WEFT_SKIP_INBOUND_PORTS" "$@"
[ -z "${WEFT_SKIP_INBOUND_SOURCES:-}" ] || set -- "--skip-inbound-sources=$WEFT_SKIP_INBOUND_SOURCES" "$@"
[ -z "${WEFT_OUTBOUND_PORTS:-}" ] || set -- "--outbound-ports=$WEFT_OUTBOUND_PORTS" "$@"
[ -z "${WEFT_SKIP_OUTBOUND_PORTS:-}" ] || set -- "--skip-outbound-ports=$WEFT_SKIP_OUTBOUND_PORTS" "$@"
[ -z "${WEFT_OUTBOUND_DESTINATIONS:-}" ] || set -- "--outbound-destinations=$WEFT_OUTBOUND_DESTINATIONS" "$@"
[ -z "${WEFT_SKIP_OUTBOUND_DESTINATIONS:-}" ] ||
    set -- "--skip-outbound-destinations=$WEFT_SKIP_OUTBOUND_DESTINATIONS" "$@"
[ -z "${WEFT_UIDS:-}" ] || set -- "--uids=$WEFT_UIDS" "$@"
[ -z "${WEFT_SKIP_UIDS:-}" ] || set -- "--skip-uids=$WEFT_SKIP_UIDS" "$@"
[ -z "${WEFT_BACKEND:-}" ] || set -- "--backend=$WEFT_BACKEND" "$@"
[ -z "${WEFT_ESTABLISHED:-}" ] || set -- "--established=$WEFT_ESTABLISHED" "$@"

exec weft-init apply "$@"
