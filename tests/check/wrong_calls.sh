#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every call of the runtime library with wrong arguments, and every error's name and text, on NVIDIA's library and on ours:
# wrong_calls.sh RELEASE PROGRAM THEIRS OURS DRIVER, RELEASE being 13 or 12, PROGRAM tests/runtime/wrong linked for it,
# THEIRS and OURS the folders that have the library. tests/runtime/wrong/differences lists where they may differ. Where
# NVIDIA's library ends the process, ours may do anything.
set -u
release=$1 program=$(readlink -f "$2") theirs=$(readlink -f "$3") ours=$(readlink -f "$4") driver=$(readlink -f "$5")
known=$(readlink -f "$(dirname "$0")/../runtime/wrong/differences")
answers=$(mktemp -d)
trap 'rm -rf "$answers"' EXIT
cd "$answers" || exit 1  # Some calls write a file whose name is an argument.

run() { LD_LIBRARY_PATH=$1:$driver VGPU_LOG=error timeout "${LIMIT:-120}" "$program" "${@:2}" 2>/dev/null; }
mapfile -t both < <(comm -12 <(run "$theirs" list | sort) <(run "$ours" list | sort))

# A card's driver takes a third of a second to give each call's process a context: as many at once as there are processors.
processors=$(nproc)
# part FILE FOLDER ARGUMENT...
part() {
  while [[ $(jobs -rp | wc -l) -ge $processors ]]; do wait -n; done
  { run "${@:2}" >"$1"; echo $? >"$1.code"; } &
}
# The calls go in the same parts to both libraries, and the answers come in the list's order. ask NAME FOLDER.
ask() {
  local at size=4
  mkdir "$1"
  part "$1/00000" "$2" errors
  for ((at = 0; at < ${#both[@]}; at += size)); do
    part "$(printf '%s/%05d' "$1" $((at + 1)))" "$2" "${both[@]:at:size}"
  done
  wait
  cat "$1"/?????
  echo "done: $(sort -n "$1"/*.code | tail -n 1)"
}
ask theirs "$theirs" >theirs.answers
ask ours "$ours" >ours.answers
paste -d '\t' theirs.answers ours.answers | awk -F '\t' -v release="$release" -v known="$known" '
  BEGIN {
    while ((getline line < known) > 0) {
      if (line ~ /^#/ || split(line, word, " ") < 4) continue
      if (word[1] == "*" || word[1] == release) allowed[word[2] " " word[3] " " word[4]] = 0
    }
  }
  # "cudaMalloc(r0): 1, last 1", "error 1: cudaErrorInvalidValue: invalid argument", "cudaX(0): ended the process with 11"
  function call_of(line) { sub(/[ (:].*/, "", line); sub(/_pt(ds|sz)$/, "", line); return line }
  function answer_of(line) { if (line ~ /^error/) return "text"; sub(/^[^:]*: /, "", line); sub(/,.*/, "", line); return line }
  {
    if ($1 ~ /: ended/) { died++; next }
    key = call_of($1) " " answer_of($1) " " answer_of($2)
    if ($1 == $2) same++
    else if (key in allowed) { allowed[key]++; listed++ }
    else { failed++; print "FAIL  theirs " $1 "\n      ours   " $2 }
  }
  END {
    for (key in allowed) if (!allowed[key]) { failed++; print "FAIL  no such difference any more: " key }
    print listed + 0 " answers differ as tests/runtime/wrong/differences says; NVIDIA'\''s library died of " died + 0 " calls"
    if (same < 4000) { failed++; print "FAIL  only " same + 0 " answers are the same" }
    print same + 0 " passed, " failed + 0 " failed"
    exit failed > 0
  }'
