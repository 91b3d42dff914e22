#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# make demo-local: unmodified nvcc programs on the software GPU, without a guest. demo-local.sh BUILD_DIR PROGRAM_DIR
set -u
build=$1
programs=$2
log=$(mktemp -d)
trap 'rm -rf "$log"' EXIT INT TERM
total=$(date +%s)
failed=0
for step in "device_query:which GPU the program sees" "vector_add:a first kernel" \
  "matrix_product:tiles in shared memory, barriers" "graph:capture and replay of a graph" \
  "streams:streams, events, times"; do
  name=${step%%:*}
  printf '%-16s %-40s ' "$name" "${step#*:}"
  if timeout 120 "$build/bin/vgpu-run" --driver soft -- "$programs/$name" >"$log/$name" 2>&1; then
    echo "passed"
    [ "$name" = device_query ] && sed 's/^/    /' "$log/$name"
  else
    failed=$((failed + 1))
    echo "FAILED"
    sed 's/^/    /' "$log/$name"
  fi
done
echo "ran on: the software GPU of this machine ($(nproc) threads), through libcuda.so.1, a ring and a sandboxed worker"
echo "took $(($(date +%s) - total)) s"
exit $failed
