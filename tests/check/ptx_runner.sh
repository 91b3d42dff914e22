#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the runner of the one-instruction tests makes of tests that spoil its process: ptx_runner.sh RUNNER, with whichever
# driver the library path names. One test's fault, or the driver's death in it, is that test's failure and nobody else's.
set -u
runner=$(readlink -f "$1")
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
passed=0 failed=0

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
# judge WHAT COUNTS FAILURE: the run's last line, and its only line of a failure, which begins with this.
judge() {
  local failures
  failures=$(grep ^FAIL "$directory/output")
  if [[ $(tail -n 1 "$directory/output") == "$2" && $failures == "$3"* && $(wc -l <<<"$failures") -eq 1 ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAIL  $1"
    sed 's/^/        /' "$directory/output"
  fi
}

test_of a_good ''
test_of b_fault '' 'trap;'
test_of c_good ''
test_of d_expected $'// expect error 700\n' 'mov.u64 %p, 0;'
test_of e_good ''
"$runner" "$directory" >"$directory/output" 2>&1
judge "a fault is its test's failure" "4 passed, 1 failed" "FAIL $directory/b_fault.ptx: CUDA_ERROR_"

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
judge "the process's end is its test's failure" "1 passed, 1 failed" "FAIL $directory/a_endless.ptx: killed by signal 9"
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
