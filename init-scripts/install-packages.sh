#!/bin/sh
# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
#
# Installs packages of the distribution, and says which. Services that they bring along are not started and not enabled
# by it: a policy that forbids it lies in place while they are installed, unless there is one already.
#
# Inputs: the packages as arguments. Exit codes: 0 installed, 1 the package manager failed, 2 it takes root or apt.
set -eu

[ $# -gt 0 ] || exit 0
command -v apt-get >/dev/null || {
    echo "Install these packages by hand (there is no apt-get here): $*" >&2
    exit 2
}
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || {
        echo "Installing takes root: apt-get install $*" >&2
        exit 2
    }
    exec sudo "$0" "$@"
fi

policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 0755 "$policy"
    trap 'rm -f "$policy"' EXIT
fi
echo "installing: $*"
export DEBIAN_FRONTEND=noninteractive
apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1 || {
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}
