#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our libcudart.so.13 beside NVIDIA's: cudart.sh OURS TOOLKIT_LIBRARIES DRIVER PROGRAMS [NAME...]. Both export the same
# symbols under the same version node, and every sample that is linked with a shared runtime prints the same on both,
# over the driver in folder DRIVER. Times are left out of the comparison.
set -u
ours=$1 theirs=$2 driver=$3 programs=$4
shift 4
[[ $# -gt 0 ]] || set -- $(ls "$programs")
passed=0 failed=0

exported() { nm -D --with-symbol-versions --defined-only "$1" | awk '{print $2, $3}' | sort; }
run() { LD_LIBRARY_PATH=$1:$driver timeout "${LIMIT:-60}" "$2" 2>&1; echo "code $?"; }
# "12.3 ms", "0.4 GFLOP/s" and the like differ between any two runs.
stable() { sed -E 's/[0-9.]+ (ns|us|ms|s|[GMT]B\/s|[GMT]FLOP\/s|[GM]?[a-z]+\/s)\b/N \1/g'; }
judge() {
  if [[ -z $2 ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL  $1"
    sed 's/^/        /' <<<"$2"
  fi
}

judge exports "$(diff <(exported "$theirs/libcudart.so.13") <(exported "$ours/libcudart.so.13"))"
judge "exported C++ symbols" "$(nm -D --defined-only "$ours/libcudart.so.13" | grep ' _Z')"
judge "needed libraries" "$(readelf -dW "$ours/libcudart.so.13" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' |
  grep -vE '^(libc|libm|libdl|libpthread|librt|ld-linux-x86-64)\.so\.[0-9]+$')"
for name in "$@"; do
  judge "$name" "$(diff <(run "$theirs" "$programs/$name" | stable) <(run "$ours" "$programs/$name" | stable))"
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
