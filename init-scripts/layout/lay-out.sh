#!/bin/sh
# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
#
# Lays out the code of a released weft-proxy by the stored profile, in place: what runs together lies together, and the
# branch that is usual falls through. What is computed stays the same (docs/adr/0020-layout-after-linking.md). Where there is no
# llvm-bolt, or no profile for this kind of processor, the program is left as it was linked, and this says so.
#
# usage: lay-out.sh WEFT-PROXY        linked by lld with --emit-relocs
# exit:  0 laid out, or left as it was for want of a tool; 1 llvm-bolt refused; the file is then as it was
set -eu
here=$(dirname "$0")
program=$1
profile=$here/weft-proxy.$(uname -m).gz

leave() {
    echo "weft-proxy is left as it was linked, and takes about a tenth more processor time for a request: $1"
    exit 0
}
[ -e "$profile" ] || leave "there is no profile for $(uname -m)"
for name in ${BOLT:-llvm-bolt-19 llvm-bolt}; do ! command -v "$name" >/dev/null || { BOLT=$name; break; }; done
command -v "${BOLT:-}" >/dev/null || leave "llvm-bolt is missing (apt-get install bolt-19)"

# What is laid out says so by the name of a section, and cannot be laid out again.
! grep -q '\.note\.bolt_info' "$program" || { echo "weft-proxy is laid out already"; exit 0; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
zcat "$profile" >"$work/profile"
cp "$program" "$work/linked"
# -lite leaves alone what has no profile, OpenSSL's assembler above all. Functions that are not those any more which were
# recorded stay as the compiler made them. Relative names, because the result keeps the command line in a section.
(cd "$work" && "$BOLT" linked -o laid-out -data=profile -lite -no-huge-pages -update-debug-sections \
    -reorder-blocks=ext-tsp -reorder-functions=cdsort -split-functions -split-all-cold -icf=1) >"$work/log" 2>&1 ||
    { cat "$work/log" >&2; exit 1; }
"$work/laid-out" --version >/dev/null
install -m 0755 "$work/laid-out" "$program"
grep -E 'have non-empty execution profile|invalid \(possibly stale\)' "$work/log" | sed 's/^BOLT[-A-Z]*: /laid out: /'
