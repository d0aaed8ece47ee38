#!/bin/sh
# The entry point of a sidecar in an image that has a shell: becomes `weft-proxy run`. An image without one needs none:
# its entry point is `weft-proxy run --config FILE` itself. Arguments are passed on, after what the environment says.
#
# Takes: a numeric uid of its own, not 0 and not the application's; no capability; a state directory it may write to.
# Inputs, all optional; an empty variable counts as not set:
#   WEFT_CONFIG     the configuration; /etc/weft/proxy.yaml
#   WEFT_UNTIL_PID  end when this process of the pod has ended, for jobs that share the process namespace
# Exit codes: those of `weft-proxy run`: 0 ended with nothing left open, 1 failed, 2 wrong configuration, 4 connections
# were still open at the end.
set -eu

[ -z "${WEFT_UNTIL_PID:-}" ] || set -- "--until-pid=$WEFT_UNTIL_PID" "$@"
exec weft-proxy run "--config=${WEFT_CONFIG:-/etc/weft/proxy.yaml}" "$@"
