#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests that say "refused" leave the code open, for it is not the same with every driver. Over the same driver both
# libraries give the same code: runtime_codes.sh BINARY THEIRS OURS DRIVER FILTER, THEIRS and OURS being folders that have
# the library. Compares every error that an assertion sees.
set -u
binary=$1 theirs=$2 ours=$3 driver=$4 filter=$5
codes() {
  LD_LIBRARY_PATH=$1:$driver timeout "${LIMIT:-120}" "$binary" "$filter" --success --order decl 2>/dev/null |
    grep -E '^  cuda(Success|Error\w+) \([0-9]+\)|tests\.cpp:[0-9]+: (PASSED|FAILED)'
}
seen=$(codes "$theirs")
if ! difference=$(diff <(echo "$seen") <(codes "$ours")); then
  echo "FAIL  the codes that assertions see differ from NVIDIA's:"
  sed 's/^/        /' <<<"$difference"
  exit 1
fi
count=$(grep -c '^  cudaError' <<<"$seen")
echo "$count errors are the same, by their codes"
[[ $count -gt 100 ]]
