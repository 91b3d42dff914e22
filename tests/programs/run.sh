#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs samples and says which fail: run.sh FOLDER [NAME...], FOLDER being build/programs/static or shared. A sample is
# good when it ends with code 0 and the last line PASS within the time limit (LIMIT, seconds). LD_LIBRARY_PATH picks
# the driver. The last line counts, and the exit code says whether all were good.
folder=$1
shift
[ $# -gt 0 ] || set -- $(ls "$folder")
passed=0 failed=0
# In hundredths of a second; the date of a guest's busybox knows seconds only.
now() { sed 's/ .*//; s/\.//' /proc/uptime; }
for name in "$@"; do
  log=$(mktemp)
  begin=$(now)
  timeout "${LIMIT:-60}" "$folder/$name" >"$log" 2>"$log.errors"
  code=$?
  milliseconds=$((($(now) - begin) * 10))
  if [ $code -eq 0 ] && [ "$(tail -n 1 "$log")" = PASS ]; then
    passed=$((passed + 1))
    echo "ok    $name (${milliseconds} ms)"
  else
    failed=$((failed + 1))
    echo "FAIL  $name (${milliseconds} ms, code $code)"
    tail -n 4 "$log" "$log.errors" | sed 's/^/        /'
  fi
  rm -f "$log" "$log.errors"
done
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
