#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Opcodes are part of the wire format. opcodes.lock may only grow: each committed version must be the beginning of the
# file. Numbers and names are unique, and every call that the toolkit exports has one: opcodes.sh GENERATED_DIRECTORY
set -u
lock=include/vgpu/api/opcodes.lock
exports=$1/cuda_exports.inc
bad=0

complain() {
  echo "$lock: $1"
  bad=$((bad + 1))
}
lines() { grep -vE '^(#|$)'; }

for commit in $(git log --format=%h -- "$lock"); do
  old=$(git show "$commit:$lock" 2>/dev/null | lines)
  [[ -z $old || $(lines <"$lock" | head -n "$(wc -l <<<"$old")") == "$old" ]] ||
    complain "not the lines of commit $commit with more appended; restore them and append"
done

malformed=$(lines <"$lock" | grep -vE '^[0-9]+ [A-Za-z_][A-Za-z0-9_]*$')
[[ -z $malformed ]] || complain "not 'NUMBER NAME': $malformed"
for column in 1 2; do
  twice=$(lines <"$lock" | cut -d' ' -f$column | sort | uniq -d | paste -sd' ')
  [[ -z $twice ]] || complain "used twice: $twice"
done
# The generated table has a row per export, with its base's name and opcode.
absent=$(comm -13 <(lines <"$lock" | sort) \
  <(sed -nE 's/^VGPU_EXPORT\([^,]+, ([^,]+), ([0-9]+),.*/\2 \1/p' "$exports" | sort -u) | paste -sd' ')
[[ -z $absent ]] || complain "calls without their line: $absent"

echo "$(($(lines <"$lock" | wc -l))) opcodes"
[[ $bad -eq 0 ]]
