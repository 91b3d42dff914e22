#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What our two CUDA drivers show to the processes that load them: exports.sh BUILD_DIRECTORY STUB, STUB being the
# toolkit's libcuda.so. A library in other people's processes must not bring C++ symbols, dependencies or code that runs
# before the first call.
set -u
build=$1 stub=$2
good=0 bad=0

expect_empty() {
  if [[ -z $2 ]]; then
    good=$((good + 1))
  else
    echo "$1:" $2
    bad=$((bad + 1))
  fi
}
exported() { nm -D --defined-only "$1" | awk '{sub(/@.*/, "", $3); print $3}' | sort; }

guest=$build/lib/guest/libcuda.so.1
soft=$build/lib/libcuda-soft.so.1
for library in "$guest" "$soft"; do
  expect_empty "$library does not export" "$(comm -13 <(exported "$library") <(exported "$stub") | paste -sd' ')"
  expect_empty "$library exports too much" "$(comm -23 <(exported "$library") <(exported "$stub") | paste -sd' ')"
  expect_empty "$library has an executable stack or text relocations" \
    "$(readelf -dlW "$library" | grep -E 'TEXTREL|GNU_STACK.*RWE')"
done

# The guest's library needs nothing but the C library.
expect_empty "$guest needs more than the C library" \
  "$(readelf -dW "$guest" | sed -nE 's/.*\(NEEDED\).*\[(.*)\]/\1/p' | grep -vE '^(libc|libm|libdl|libpthread|librt|ld-linux-x86-64)\.so\.[0-9]+$')"
expect_empty "$guest is not named libcuda.so.1" "$(readelf -dW "$guest" | grep SONAME | grep -v '\[libcuda.so.1\]')"
# The static C++ runtime has constructors of its own; ours have none.
for room in common libcuda softgpu; do
  expect_empty "global constructors in $room" \
    "$(find "$build/obj/$room" -name '*.o' -exec sh -c 'objdump -h "$1" | grep -qE "\.(init_array|ctors|preinit_array)" && echo "$1"' - {} \;)"
done

echo "$good passed, $bad failed"
[[ $bad -eq 0 ]]
