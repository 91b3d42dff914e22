#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs steps of `make check` one after another: check.sh STEP... Each is the target check-STEP of the Makefile, so that it
# can also be run alone. MAKE_COMMAND is the make to use, with its variables; LOGS the directory for what steps print.
# A failing step shows its log and the next one runs, except after a failed build. Ends with a line per step and the sum
# of the cases; the exit code says whether all passed.
set -u
mkdir -p "${LOGS:?}"
table=() passed=0 failed=0 broken=0
begin_all=$SECONDS

for step in "$@"; do
  log=$LOGS/$step.log
  printf '  %-20s ' "$step"
  begin=$SECONDS
  $MAKE_COMMAND "check-$step" >"$log" 2>&1 </dev/null
  code=$?
  seconds=$((SECONDS - begin))
  # A step that has cases says how many in its last line.
  read -r good bad < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log" | tail -n 1)
  if [[ -z ${good:-} ]]; then
    [[ $code -eq 0 ]] && good=1 bad=0 || good=0 bad=1
  elif [[ $code -ne 0 && $bad -eq 0 ]]; then
    bad=1
  fi
  passed=$((passed + good)) failed=$((failed + bad))
  if [[ $code -eq 0 ]]; then
    result=ok
  else
    result=FAILED broken=1
  fi
  echo "$result, $seconds s"
  [[ $code -eq 0 ]] || sed 's/^/    /' "$log"
  table+=("$(printf '%-20s %-6s %5d s %6d passed %4d failed' "$step" "$result" "$seconds" "$good" "$bad")")
  unset good bad
  if [[ $code -ne 0 && $step == *build ]]; then
    echo "The build failed: the steps after it were not run."
    break
  fi
done

echo
printf '%s\n' "${table[@]}"
printf '%-20s %-6s %5d s\n' all "" $((SECONDS - begin_all))
echo "$passed passed, $failed failed"
exit $broken
