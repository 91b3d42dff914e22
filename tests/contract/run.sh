#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs the contract binary one family at a time, each in a process of its own, so that a driver that crashes in one
# family still shows the others: run.sh BINARY [TAG...]. Cases with no family are the last run. LD_LIBRARY_PATH picks
# the driver, LIMIT is the seconds that a family may take, CASES is a filter that each case must pass, too: '~[soft]' leaves
# out what only the software GPU survives. The last line is the count of cases; the exit code says whether all families passed.
binary=$1
shift
catch=$(dirname "$(readlink -f "$0")")/../check/catch.sh
passed=0 failed=0 broken=0

run_filter() {
  local output code count
  output=$("$catch" "${LIMIT:-120}" "$binary" "$2${CASES:-}" 2>&1)
  code=$?
  count=$(tail -n 1 <<<"$output")
  passed=$((passed + ${count%% passed*}))
  count=${count#*, }
  failed=$((failed + ${count%% failed*}))
  if [[ $code -eq 0 ]]; then
    echo "ok    $1: $(tail -n 1 <<<"$output")"
  else
    broken=1
    echo "FAIL  $1, code $code"
    sed 's/^/        /' <<<"$output"
  fi
}

others='[contract]'
if [[ $# -eq 0 ]]; then
  set -- $("$binary" --list-tags '[contract]' | sed -n 's/.*\[\([a-z0-9_-]*\)\]$/\1/p' | grep -vxE 'contract|soft')
  for tag in "$@"; do others="$others~[$tag]"; done
fi
for tag in "$@"; do run_filter "$tag" "[contract][$tag]"; done
[[ $others == '[contract]' ]] || run_filter others "$others"
echo "$passed passed, $failed failed"
[[ $passed -gt 0 ]] || broken=1
exit $broken
