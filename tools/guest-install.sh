#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# guest-install.sh BUILD_DIRECTORY: what a guest needs beside the module, as root: the libraries, vgpu-smi and the rule for
# udev. PREFIX (/usr/local) and DESTDIR (empty) say where. vgpu-smi is there as nvidia-smi, too, unless another one is.
set -eu
build=$1
prefix=${PREFIX:-/usr/local}
root=${DESTDIR:-}
bin=$root$prefix/bin lib=$root$prefix/lib

mkdir -p "$bin" "$lib" "$root/etc/udev/rules.d"
install -m 755 "$build/bin/vgpu-smi" "$bin/vgpu-smi"
for library in libcuda.so.1 libnvidia-ml.so.1; do
  install -m 644 "$build/lib/guest/$library" "$lib/$library"
  ln -sf "$library" "$lib/${library%.1}"
done
install -m 644 "$(dirname "$0")/../packaging/udev/60-vgpu.rules" "$root/etc/udev/rules.d/60-vgpu.rules"

# Somebody else's stays what it is, wherever it lies; with DESTDIR this machine's PATH says nothing.
other=
[ -n "$root" ] || other=$(command -v nvidia-smi || true)
link=$bin/nvidia-smi
if [ -L "$link" ] && [ "$(readlink "$link")" = vgpu-smi ]; then
  other=
elif [ -e "$link" ] || [ -L "$link" ]; then
  other=$link
fi
if [ -z "$other" ]; then
  ln -sf vgpu-smi "$link"
else
  echo "$other is there: vgpu-smi is not installed under that name"
fi
[ -n "$root" ] || ldconfig
