#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Tests of vgpud, the worker's process and vgpu-run, as programs. Usage: run.sh BUILD_DIRECTORY [NAME_PATTERN]
# A test is a function test_* in a *.tests.sh file; it runs in a shell and a directory of its own.
set -u
here=$(dirname "$(readlink -f "$0")")
build=$(readlink -f "${1:?usage: run.sh BUILD_DIRECTORY [NAME_PATTERN]}")
pattern=${2:-}
export VGPUD=$build/bin/vgpud VGPU_RUN=$build/bin/vgpu-run CLIENT=$build/tests/host/client WORKER=$build/tests/host/fake-worker
. "$here/support.sh"
for file in "$here"/*.tests.sh; do . "$file"; done

# One test, in the current directory; for the loop below.
if [[ -n ${VGPU_ONE_TEST:-} ]]; then
  begin_test && "$VGPU_ONE_TEST" && end_test
  exit
fi

all=$(mktemp -d /tmp/vgpu.XXXXXX)
chmod 755 "$all"
trap 'rm -rf "$all"' EXIT
passed=0 failed=0
for name in $(declare -F | awk '$3 ~ /^test_/ {print $3}'); do
  [[ -z $pattern || $name == *$pattern* ]] || continue
  dir=$all/$name
  mkdir "$dir"
  if (cd "$dir" && VGPU_ONE_TEST=$name timeout --kill-after=5 60 "$here/run.sh" "$build") >"$all/output" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "FAILED $name"
    sed 's/^/    /' "$all/output"
    [[ ! -s $dir/log ]] || sed 's/^/    log: /' "$dir/log"
  fi
done
echo "$passed passed, $failed failed"
[[ $failed -eq 0 ]]
