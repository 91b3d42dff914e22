#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# vendor/run.sh BUILD_DIRECTORY SECONDS: the software GPU plays NVIDIA's driver, by another name, and a library of our own
# the host's NVML.
set -u
build=$(readlink -f "$1") limit=$2
here=$(dirname "$(readlink -f "$0")")
parts=$build/tests/vendor
run() {
  env "$1" LD_LIBRARY_PATH="$parts" VGPU_LOG=error "$build/bin/vgpu-run" --driver "$parts/libcuda-other.so.1" -- \
    "$here/../../check/catch.sh" "$limit" "$build/tests/nvml-vendor" "${@:2}"
}
output=$(run NOTHING=; run FAKE_NVML_BROKEN=1 '[broken]')
grep -vE '^[0-9]+ passed, [0-9]+ failed$' <<<"$output"
awk '/^[0-9]+ passed, [0-9]+ failed$/ { good += $1; bad += $3 } END { print good " passed, " bad " failed"; exit bad > 0 || good < 8 }' <<<"$output"
