#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The forms of tests/ptx_forms as ptxas judges them: ptx_forms.sh RUNNER CUDA_HOME FILE...
# The runner is linked against libcuda, so LD_LIBRARY_PATH must find one. ptxas stops at the first error of some kinds, so
# each form that is to be refused is a text of its own.
set -u
runner=$1 ptxas=$2/bin/ptxas
shift 2
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
"$runner" --write "$directory" "$@" || exit 1
export ptxas

judge() {
  local text=$1 target
  target=$(sed -n 's/^\.target //p' "$text")
  if "$ptxas" -arch "$target" -O0 -c "$text" -o /dev/null >"$text.log" 2>&1; then
    [[ $text == *.accept.ptx ]] || echo "ptxas accepts $(basename "$text"): $(sed -n 7p "$text")"
  else
    [[ $text == *.refuse.ptx ]] || { echo "ptxas refuses forms of $(basename "$text"):"; grep error "$text.log"; }
  fi
}
export -f judge

find "$directory" -name '*.ptx' -print0 | xargs -0 -n 1 -P "$(nproc)" bash -c 'judge "$1"' judge >"$directory/complaints"
cat "$directory/complaints"
[[ ! -s $directory/complaints ]]
