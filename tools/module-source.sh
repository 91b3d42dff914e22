#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Copies what vgpu.ko is built from, and nothing that a build left, into a new directory: module-source.sh DIRECTORY
set -eu
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
kmod=${KMOD:-$top/kmod}
rm -rf "$1"
mkdir -p "$1/kmod"
cp "$top/dkms.conf" "$1/"
find "$kmod" -maxdepth 1 \( -name '*.[ch]' ! -name '*.mod.c' -o -name Kbuild -o -name Makefile \) -exec cp -t "$1/kmod" {} +
mkdir -p "$1/include/vgpu"
cp "$top/include/vgpu/pci.h" "$1/include/vgpu/"
cp -r "$top/include/uapi" "$1/include/"
