#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs a Catch2 binary as the checks do: catch.sh SECONDS BINARY [FILTER...]. Cases run in random order, and a case that
# asserts nothing fails. Prints the output only when something failed, and the count of cases last.
limit=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
timeout "$limit" "$@" --order rand --rng-seed time --warn NoAssertions >"$log" 2>&1
code=$?
# "All tests passed (5 assertions in 2 test cases)", or "test cases: 3 | 2 passed | 1 failed".
good=$(sed -nE 's/^All tests passed \(.* in ([0-9]+) test cases?\)/\1/p; s/^test cases:.*[^0-9]([0-9]+) passed.*/\1/p' "$log" | tail -n 1)
bad=$(sed -nE 's/^test cases:.*[^0-9]([0-9]+) failed.*/\1/p' "$log" | tail -n 1)
if [[ $code -ne 0 ]]; then
  cat "$log"
  echo "$* ended with code $code$([[ $code -ne 124 ]] || echo ": not done in $limit seconds")"
  [[ ${bad:-0} -gt 0 ]] || bad=1
fi
echo "${good:-0} passed, ${bad:-0} failed"
exit $code
