#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make gpu-check: the same test binaries on NVIDIA's driver natively, which proves the tests, and through a ring and a
# worker, which must be equal. check.sh BUILD_DIR [LOG_DIR]. A table comes last; the exit code says whether all passed.
set -u
build=$1
logs=${2:-$build/gpu-check}
here=$(dirname "$(readlink -f "$0")")
ring=("$build/bin/vgpu-run" --driver nvidia --)
mkdir -p "$logs"
table=() failed=0

# step NAME COMMAND...: runs it, keeps what it prints, adds a line to the table.
step() {
  local name=$1 begin code last
  shift
  begin=$(date +%s)
  echo "  ${name}..."
  "$@" >"$logs/${name// /-}.log" 2>&1
  code=$?
  last=$(grep -E '[0-9]+ passed, [0-9]+ failed' "$logs/${name// /-}.log" | tail -n 1)
  [[ $code -eq 0 ]] || failed=1
  table+=("$(printf '%-28s %-5s %-32s %4d s' "$name" "$([[ $code -eq 0 ]] && echo ok || echo FAIL)" "${last:-code $code}" $(($(date +%s) - begin)))")
}

nvidia-smi -L 2>/dev/null || { echo "gpu-check: no NVIDIA GPU here (nvidia-smi -L lists none)" >&2; exit 3; }
export LIMIT=${LIMIT:-200}
step "contract native" "$here/../contract/run.sh" "$build/tests/contract"
step "contract ring" "${ring[@]}" "$here/../contract/run.sh" "$build/tests/contract"
step "ptx native" timeout 300 "$build/tests/ptx" "$here/../ptx"
step "ptx ring" "${ring[@]}" timeout 300 "$build/tests/ptx" "$here/../ptx"
for kind in static shared; do
  [[ -d $build/programs/$kind ]] || continue
  step "programs $kind native" "$here/../programs/run.sh" "$build/programs/$kind"
  step "programs $kind ring" "${ring[@]}" "$here/../programs/run.sh" "$build/programs/$kind"
done
step "contract ring one process" "${ring[@]}" "$here/../check/catch.sh" 400 "$build/tests/contract" '[contract]'
printf '%s\n' "${table[@]}"
exit $failed
