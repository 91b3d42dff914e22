#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the contract binary one family at a time, each in a process of its own, so that a driver that crashes in one
# family still shows the others: run.sh BINARY [TAG...]. Cases with no family are the last run. LD_LIBRARY_PATH picks
# the driver. The exit code is the number of families that failed.
binary=$1
shift
failed=0

run_filter() {
  log=$(mktemp)
  timeout "${LIMIT:-120}" "$binary" "$2" >"$log" 2>&1
  code=$?
  if [ $code -eq 0 ]; then
    echo "ok    $1: $(tail -n 2 "$log" | tr -d '\n')"
  else
    failed=$((failed + 1))
    echo "FAIL  $1, code $code"
    sed 's/^/        /' "$log"
  fi
  rm -f "$log"
}

others='[contract]'
if [ $# -eq 0 ]; then
  set -- $("$binary" --list-tags '[contract]' | sed -n 's/.*\[\([a-z0-9_-]*\)\]$/\1/p' | grep -v '^contract$')
  for tag in "$@"; do others="$others~[$tag]"; done
fi
for tag in "$@"; do run_filter "$tag" "[contract][$tag]"; done
[ "$others" = '[contract]' ] || run_filter others "$others"
exit $failed
