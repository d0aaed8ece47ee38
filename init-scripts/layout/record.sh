#!/bin/sh
# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
#
# Records the profile that lay-out.sh works by: instruments both hops, has weft-benchmark load them with small requests over
# TCP, HTTP/1.1 and HTTP/2, and keeps what ran often. Takes a minute; root, as every benchmark. `make layout` runs it.
#
# usage: record.sh WEFT-PROXY BENCHMARK PROGRAMS
#        WEFT-PROXY   linked by lld with --emit-relocs and, so that it can write its counters, with unconfined.c
#        BENCHMARK    weft-benchmark
#        PROGRAMS     the directory of weft and weft-init
# exit:  0 done, 1 llvm-bolt failed or nothing was recorded; the stored profile is then as it was
set -eu
BOLT=${BOLT:-llvm-bolt-19}
LIBRARY=${LIBRARY:-llvm-19/lib/libbolt_rt_instr.a}
MERGE=${MERGE:-merge-fdata-19}
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The proxies run as a user of their own.
chmod 0777 "$work"
# Assembler with data in its code, on which this version of llvm-bolt fails.
skipped='padlock.*,.*_avx.*,ecp_nistz256.*,__.*,_dl.*,_start,poly.*,RC4.*,.*resolv.*'
for side in client server; do
    echo "instrumenting the $side's hop"
    "$BOLT" "$1" -instrument -o "$work/$side" --skip-funcs="$skipped" --runtime-instrumentation-lib="$LIBRARY" \
        --instrumentation-file="$work/$side.now" --instrumentation-sleep-time=1 \
        --instrumentation-no-counters-clear >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
done
cat >"$work/weft-proxy" <<END
#!/bin/sh
case "\$*" in *client*) exec $work/client "\$@" ;; *) exec $work/server "\$@" ;; esac
END
chmod 0755 "$work/weft-proxy" "$work/client" "$work/server"
for figure in small http1 http2; do
    "$2" run --only "$figure,weft" --rounds 1 --seconds 4 --memory-rounds 0 --json "$work/json" \
        --weft "$3/weft" --weft-init "$3/weft-init" --weft-proxy "$work/weft-proxy" >"$work/table"
    for side in client server; do mv "$work/$side.now" "$work/$side.$figure.fdata"; done
done
# What ran at least a thousand times, in Swift, its runtime, and C: of ours, of OpenSSL and of the allocator. Names of OpenSSL's
# assembler are left out, see above.
"$MERGE" "$work"/*.fdata 2>/dev/null | awk '
    $8 < 1000 { next }
    $2 ~ /^(\$s|_?swift_|__swift|_ZNK?5swift|_ZL|weft_)/ { print; next }
    $2 ~ /^(aesni_|gcm_|OPENSSL_(cleanse|ia32|rd|instrument|wipe|atomic)|CRYPTO_memcmp)/ { next }
    $2 ~ /^(SSL|ssl|tls|EVP|evp|ERR|BIO|bio|CRYPTO|WPACKET|OPENSSL|OSSL|ossl|aes_|_int_|malloc|free|calloc|realloc)/ { print }
    ' | LC_ALL=C sort >"$work/profile"
[ -s "$work/profile" ] || { echo "record.sh: nothing was recorded" >&2; exit 1; }
gzip -9nc "$work/profile" >"$here/weft-proxy.$(uname -m).gz"
echo "$(wc -l <"$work/profile") lines, $(wc -c <"$here/weft-proxy.$(uname -m).gz") bytes: $here/weft-proxy.$(uname -m).gz"
