#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every source file names its licence in its first three lines: Apache-2.0, except what the kernel shares. Each licence's
# text is in LICENSES/. Pages (.md) may leave the line out; only what is compiled or run must have it.
set -u
git ls-files -z -- ':!LICENSES' ':!.gitignore' ':!.clang-format' | xargs -0 -r awk '
  function finish() {
    if (file == "") return
    checked++
    if (licence == "" && file !~ /\.md$/) complain(file ": no SPDX-License-Identifier in the first three lines")
    if (licence != "" && licence != "Apache-2.0" && !(file ~ /^(kmod\/|include\/uapi\/|include\/vgpu\/pci\.h)/ && licence ~ /GPL-2.0|MIT/))
      complain(file ": licence " licence " is not what this directory uses")
    count = split(licence, words, " ")
    for (i = 1; i <= count; i++)
      if (words[i] !~ /^(OR|AND|WITH)$/) used[words[i]] = file
  }
  function complain(text) { print text; wrong++ }
  FNR == 1 { finish(); file = FILENAME; licence = "" }
  FNR <= 3 && match($0, /SPDX-License-Identifier: /) {
    licence = substr($0, RSTART + RLENGTH)
    gsub(/[ \t]*(\*\/|-->)[ \t]*$/, "", licence); gsub(/[()]/, "", licence)
  }
  FNR == 3 { nextfile }
  END {
    finish()
    for (id in used)
      if ((getline line < ("LICENSES/" id ".txt")) < 0) complain("LICENSES/" id ".txt is missing; " used[id] " uses it")
    print checked + 0 " files, " wrong + 0 " not in order"
    exit wrong > 0 || checked == 0
  }'
