#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The one-way rule between rooms (docs/architecture.md): which rooms a room's files may include from. A header is found
# from the project's root or from include/, so its first directory is its room; "vgpu" and "uapi" belong to include.
set -u
git ls-files -co --exclude-standard '*.h' '*.c' '*.cpp' '*.cu' '*.inc' |
  xargs -r grep -nHE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' |
  awk -F: '
    BEGIN {
      sees["include"] = "include"
      sees["common"] = "include common"
      sees["libcuda"] = "include common libcuda"
      sees["host"] = "include common host"
      sees["softgpu"] = "common softgpu"  # A driver like any other: of ours it knows only common.
      sees["tools"] = "include common tools"
      sees["kmod"] = "kmod"
      sees["tests"] = sees["bench"] = "include common libcuda host softgpu tools tests bench"
      # The module shares these with user space, nothing else.
      module_sees = " vgpu/pci.h uapi/linux/vgpu.h "
    }
    {
      split($3, quoted, "\""); header = quoted[2]
      if (header !~ /\//) next
      room = $1; sub(/\/.*/, "", room)
      target = header; sub(/\/.*/, "", target)
      if (target == "vgpu" || target == "uapi") target = "include"
      checked++
      if (index(" " sees[room] " ", " " target " ")) next
      if (room == "kmod" && index(module_sees, " " header " ")) next
      print $1 ":" $2 ": " room " may not include " header " (it sees: " sees[room] ")"
      wrong++
    }
    END {
      print checked + 0 " includes of our own headers, " wrong + 0 " against the rule"
      exit wrong > 0 || checked == 0
    }'
