#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs steps of `make check`: those of FIRST one after another, then those of THEN and, at the same time and behind them in
# priority, those of BESIDE. Each is the target check-STEP of the Makefile, so that it can also be run alone. MAKE_COMMAND
# is the make to use, with its variables; LOGS the directory for what steps print.
# A failing step shows its log and the next one runs, except after a failed build: what is listed behind it needs it. Ends
# with a line per step and the sum of the cases; the exit code says whether all passed.
set -u
mkdir -p "${LOGS:?}"
rm -f "$LOGS"/*.result
begin_all=$SECONDS
chain=
trap '[[ -z $chain ]] || kill -TERM -- "-$chain" 2>/dev/null' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# run STEP [COMMAND]...: the step, by way of the command. Leaves its result, seconds, and cases that passed and failed.
run() {
  local step=$1 log=$LOGS/$1.log begin=$SECONDS code good= bad= result=ok
  shift
  "$@" $MAKE_COMMAND "check-$step" >"$log" 2>&1 </dev/null
  code=$?
  # A step that has cases says how many, in a line for each of its runs. Counts of a run's parts are indented or named.
  read -r good bad < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log" |
    awk '{ good += $1; bad += $2 } END { if (NR > 0) print good, bad }')
  if [[ -z $good ]]; then
    [[ $code -eq 0 ]] && good=1 bad=0 || good=0 bad=1
  elif [[ $code -ne 0 && $bad -eq 0 ]]; then
    bad=1
  fi
  [[ $code -eq 0 ]] || result=FAILED
  echo "$result $((SECONDS - begin)) $good $bad" >"$log.result"
  mv "$log.result" "$LOGS/$step.result"
  return $code
}

# What follows a step's name: how it ended, and why.
tell() {
  local result seconds
  read -r result seconds _ <"$LOGS/$1.result"
  echo "$result, $seconds s"
  [[ $result == ok ]] || sed 's/^/    /' "$LOGS/$1.log"
}

# Steps of BESIDE that ended since the last time.
told=' '
tell_beside() {
  local step
  for step in $BESIDE; do
    [[ $told != *" $step "* && -e $LOGS/$step.result ]] || continue
    told+="$step "
    printf '  %-20s ' "$step"
    tell "$step"
  done
}

run_all() {
  local step
  for step in "$@"; do
    printf '  %-20s ' "$step"
    run "$step" env
    local code=$?
    tell "$step"
    tell_beside
    [[ $code -eq 0 || $step != *build ]] || return 1
  done
}

run_beside() {
  local step
  for step in $BESIDE; do
    run "$step" nice -n 10 || [[ $step != *build ]] || return 1
  done
}

if run_all $FIRST; then
  # In a process group of its own, which ends as a whole.
  set -m
  run_beside &
  chain=$!
  set +m
  run_all $THEN
  wait "$chain"
  chain=
  tell_beside
fi

echo
passed=0 failed=0 broken=0 missing=
for step in $FIRST $THEN $BESIDE; do
  if ! read -r result seconds good bad 2>/dev/null <"$LOGS/$step.result"; then
    missing+=" $step"
    continue
  fi
  [[ $result == ok ]] || broken=1
  passed=$((passed + good)) failed=$((failed + bad))
  printf '%-20s %-6s %5d s %6d passed %4d failed\n' "$step" "$result" "$seconds" "$good" "$bad"
done
printf '%-20s %-6s %5d s\n' all "" $((SECONDS - begin_all))
[[ -z $missing ]] || { broken=1; echo "A build failed: not run were$missing."; }
# Once more, for those who see the end alone.
for step in $FIRST $THEN $BESIDE; do
  [[ $(cut -d ' ' -f 1 "$LOGS/$step.result" 2>/dev/null) == FAILED ]] || continue
  echo "$step ended so, the rest is in $LOGS/$step.log:"
  tail -n 12 "$LOGS/$step.log" | sed 's/^/    /'
done
echo "$passed passed, $failed failed"
exit $broken
