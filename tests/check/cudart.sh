#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Our runtime library beside NVIDIA's: cudart.sh NAME OURS THEIRS DRIVER PROGRAMS [SAMPLE...], NAME being libcudart.so.13
# or .12, OURS and THEIRS the folders that have it. Both export the same symbols under the same version node, and every
# sample in PROGRAMS, which are linked with that library, prints the same on both, over the driver in folder DRIVER. Times
# are left out of the comparison.
set -u
. "$(dirname "$(readlink -f "$0")")/count.sh"
name=$1 ours=$2 theirs=$3 driver=$4 programs=$5
shift 5
[[ $# -gt 0 ]] || set -- $(ls "$programs")

exported() { nm -D --with-symbol-versions --defined-only "$1" | awk '{print $2, $3}' | sort; }
run() { LD_LIBRARY_PATH=$1:$driver timeout "${LIMIT:-60}" "$2" 2>&1; echo "code $?"; }
# "12.3 ms", "0.4 GFLOP/s" and the like differ between any two runs; ours is a later release of CUDA 12 than theirs.
stable() { sed -E 's/(runtime [0-9]+)\.[0-9]+/\1/; s/[0-9.]+ (ns|us|ms|s|[GMT]B\/s|[GMT]FLOP\/s|[GM]?[a-z]+\/s)\b/N \1/g'; }
# What differs, or is not as it should be, is the failure.
judge() { check "$1" empty "$2"; }

# What LOCK lists after "# Later" is of releases that are not at hand.
later=$(sed -n '/^# Later/,$p' "${LOCK:-/dev/null}" | grep -v '^#')
judge exports "$(diff <(exported "$theirs/$name") <(exported "$ours/$name" | grep -vxFf <(sed "s|.*|T &@@$name|" <<<"$later")))"
judge "exported C++ symbols" "$(nm -D --defined-only "$ours/$name" | grep ' _Z')"
judge "its name" "$(readelf -dW "$ours/$name" | grep SONAME | grep -vF "[$name]")"
judge "needed libraries" "$(readelf -dW "$ours/$name" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' |
  grep -vE '^(libc|libm|libdl|libpthread|librt|ld-linux-x86-64)\.so\.[0-9]+$')"
for sample in "$@"; do
  judge "$sample" "$(diff <(run "$theirs" "$programs/$sample" | stable) <(run "$ours" "$programs/$sample" | stable))"
done
finish
