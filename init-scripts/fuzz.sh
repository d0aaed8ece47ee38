#!/bin/sh
# Part of Weft. Licensed under the Apache License 2.0; see LICENSE.
#
# Fuzzes the parsers with libFuzzer and AddressSanitizer: every one of them for SECONDS, or the one named.
#   init-scripts/fuzz.sh [detection|requests|responses|http2Requests|http2Responses|path|frames|certificate|configuration|envoy|names|questions|control|rules|arguments]
# What is found new goes to .build/fuzz/found/<parser>; a crash is written to .build/fuzz/crash-<parser>-... and belongs,
# with a telling name, into Tests/Fuzz/corpus/<parser> once it is mended.
set -eu

cd "$(dirname "$0")/.."
seconds=${SECONDS_EACH:-20}
scratch=.build/fuzz
targets=${1:-$(ls Tests/Fuzz/corpus)}

# An executable of the package would not link: the fuzzer brings its own main.
swift build -c release --scratch-path "$scratch" --product weft-fuzz -Xswiftc -sanitize=fuzzer,address
swiftc -O -parse-as-library -swift-version 6 -sanitize=fuzzer,address \
    -I "$scratch/release/Modules" -Xcc -fmodule-map-file=Sources/CEdge/COpenSSL/module.modulemap \
    -Xcc -fmodule-map-file=Sources/CEdge/CYAML/module.modulemap \
    -Xcc -fmodule-map-file=Sources/CEdge/CPCRE2/module.modulemap \
    -Xcc -fmodule-map-file="$scratch/release/CLinux.build/module.modulemap" \
    -Xcc -fmodule-map-file="$scratch/release/COpenSSLMemory.build/module.modulemap" \
    Tests/Fuzz/driver.swift -L "$scratch/release" -lweft-fuzz -lssl -lcrypto -lyaml -lpcre2-8 -o "$scratch/fuzz" \
    >"$scratch/link.log" 2>&1 || { cat "$scratch/link.log"; exit 1; }

status=0
for target in $targets; do
    found=$scratch/found/$target
    mkdir -p "$found"
    echo "fuzzing $target for $seconds s"
    WEFT_FUZZ_TARGET=$target "$scratch/fuzz" -max_total_time="$seconds" -max_len=8192 -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 -artifact_prefix="$scratch/crash-$target-" "$found" "Tests/Fuzz/corpus/$target" \
        >"$scratch/$target.log" 2>&1 || { status=1; echo "$target: a crash; see $scratch/$target.log"; }
    grep -E 'number_of_executed_units|new_units_added|ERROR|SUMMARY|Fatal error' "$scratch/$target.log" || true
done
exit $status
