#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What our two CUDA drivers and our NVML show to the processes that load them: exports.sh BUILD_DIRECTORY STUB, STUB being
# the toolkit's libcuda.so. A library in other people's processes must not bring C++ symbols, dependencies or code that runs
# before the first call.
set -u
. "$(dirname "$(readlink -f "$0")")/count.sh"
build=$1 stub=$2

exported() { nm -D --defined-only "$1" | awk '{sub(/@.*/, "", $3); print $3}' | sort; }

guest=$build/lib/guest/libcuda.so.1
soft=$build/lib/libcuda-soft.so.1
# The stub lacks the calls of graphics interoperation and what no header declares, which the driver has.
unlisted=common/face/unlisted.inc
expected() {
  {
    exported "$stub"
    sed -nE 's/^VGPU_INTEROP\((.*)\)$/\1/p' build/gen/cuda_interop.inc
    sed -nE 's/^VGPU_UNLISTED_[A-Z]+\((.*)\)$/\1/p' $unlisted
  } | sort -u
}
data() { nm -D --defined-only "$1" | awk '$2 == "B" {sub(/@.*/, "", $3); print $3}' | sort; }
for library in "$guest" "$soft"; do
  check "$library exports all that it should" empty "$(comm -13 <(exported "$library") <(expected) | paste -sd' ')"
  check "$library exports no more" empty "$(comm -23 <(exported "$library") <(expected) | paste -sd' ')"
  check "$library has the data that the driver has" empty \
    "$(comm -3 <(data "$library") <(sed -nE 's/^VGPU_UNLISTED_(WORD|PATH)\((.*)\)$/\2/p' $unlisted | sort) | paste -sd' ')"
  check "$library has no executable stack and no text relocations" empty \
    "$(readelf -dlW "$library" | grep -E 'TEXTREL|GNU_STACK.*RWE')"
done

# NVML's names are those of its rows: one for each that driver 580.159.04 exports.
nvml=$build/lib/guest/libnvidia-ml.so.1
names=$(dirname "$0")/nvml.lock
check "$nvml exports all that it should" empty "$(comm -13 <(exported "$nvml") <(grep -v '^#' "$names" | sort) | paste -sd' ')"
check "$nvml exports no more" empty "$(comm -23 <(exported "$nvml") <(grep -v '^#' "$names" | sort) | paste -sd' ')"

# The guest's libraries need nothing but the C library.
for library in "$guest" "$nvml"; do
  check "$library needs the C library alone" empty \
    "$(readelf -dW "$library" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' | grep -vE '^(libc|libm|libdl|libpthread|librt|ld-linux-x86-64)\.so\.[0-9]+$')"
  check "$library has its name" empty "$(readelf -dW "$library" | grep SONAME | grep -vF "[${library##*/}]")"
done
# The static C++ runtime has constructors of its own; ours have none.
for room in common libcuda softgpu; do
  check "no global constructors in $room" empty \
    "$(find "$build/obj/$room" -name '*.o' -exec sh -c 'objdump -h "$1" | grep -qE "\.(init_array|ctors|preinit_array)" && echo "$1"' - {} \;)"
done

finish
