#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the runner of the one-instruction tests makes of tests that spoil its process: ptx_runner.sh RUNNER, with whichever
# driver the library path names. One test's fault, or the driver's death in it, is that test's failure and nobody else's.
set -u
. "$(dirname "$(readlink -f "$0")")/count.sh"
runner=$(readlink -f "$1")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
evidence() { cat "$directory/output"; }

# test_of NAME HEADER BODY...: writes a test.
test_of() {
  local name=$1 header=$2
  shift 2
  {
    printf '// PTX ISA 9.7.9.11: st\n// out u32: 7\n// grid 1 block 1\n%s' "$header"
    printf '.version 7.0\n.target sm_70\n.address_size 64\n.visible .entry test(.param .u64 out0)\n{\n'
    printf '  .reg .b64 %%p;\n  ld.param.u64 %%p, [out0];\n'
    printf '  %s\n' "$@" 'st.global.u32 [%p], 7;' 'ret;'
    printf '}\n'
  } >"$directory/$name.ptx"
}
# ended COUNTS FAILURE: the run's last line, and its only line of a failure, which begins with this.
ended() {
  local failures
  failures=$(grep ^FAIL "$directory/output")
  [[ $(tail -n 1 "$directory/output") == "$1" && $failures == "$2"* && $(wc -l <<<"$failures") -eq 1 ]]
}

test_of a_good ''
test_of b_fault '' 'trap;'
test_of c_good ''
test_of d_expected $'// expect error 700\n' 'mov.u64 %p, 0;'
test_of e_good ''
"$runner" "$directory" >"$directory/output" 2>&1
check "a fault is its test's failure" ended "4 passed, 1 failed" "FAIL $directory/b_fault.ptx: CUDA_ERROR_"

# It runs until its process, the runner's only child, is killed. Being the first, it is the one even where that comes early.
rm "$directory"/*.ptx
# shellcheck disable=SC2016  # A name of PTX.
test_of a_endless '' '$again: bra $again;'
test_of b_good ''
"$runner" "$directory" >"$directory/output" 2>&1 &
pid=$!
child=
while [[ -z $child && -d /proc/$pid ]]; do read -r child _ <"/proc/$pid/task/$pid/children"; done 2>/dev/null
kill -KILL "$child"
wait "$pid"
check "the process's end is its test's failure" ended "1 passed, 1 failed" "FAIL $directory/a_endless.ptx: killed by signal 9"
finish
