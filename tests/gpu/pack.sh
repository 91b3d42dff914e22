# SPDX-License-Identifier: Apache-2.0
# What the packs for a machine with a card share (tests/gpu/pack, tests/ollama/pack): functions that put parts of this tree
# under $tree. Before: top, the project's directory; build, the build's; vm, build/vm; tree.
fail() {
  echo "pack: $*" >&2
  exit 1
}

# needed FILE: names of the libraries that a file asks for itself.
needed() { readelf -d "$1" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'; }

# The libraries beside glibc, the compiler's and the toolkit's, which every machine has that could run the card's own tools; `run` uses those
# that are lacking there.
add_libraries() {
  local file path
  mkdir -p "$tree/build/libraries"
  find "$tree/build" -type f -print0 | xargs -0 ldd 2>/dev/null | sed -n 's,.*=> \(/[^ ]*\) (0x.*,\1,p' | sort -u |
    grep -vE '/(libc|libm|libdl|libpthread|librt|libstdc\+\+|libgcc_s|libcuda|libcudart|libnvrtc|libnvJitLink|libnvidia-ml)\.so' |
    while read -r path; do cp -L "$path" "$tree/build/libraries/"; done
  cp "$build/lib/cudart/libcudart.so.13" "$tree/build/libraries/"
  for file in "$tree/build/libraries"/*; do [[ $file != *"/libc."* ]] || fail "glibc among the libraries"; done
}

# add_program NAME DIRECTORY PROGRAM: a program that tests/vm/fetch unpacked, with the libraries that it loads of its tree.
add_program() {
  local from=$vm/$2 to=$tree/build/vm/$2 libraries=usr/lib/x86_64-linux-gnu name
  mkdir -p "$to/$(dirname "$3")" "$to/usr/lib64" "$to/$libraries"
  cp "$vm/$1" "$tree/build/vm/"
  cp "$from/$3" "$to/$3"
  cp -L "$from/usr/lib64/ld-linux-x86-64.so.2" "$to/usr/lib64/"
  local queue=("$from/$3")
  while [[ ${#queue[@]} -gt 0 ]]; do
    for name in $(needed "${queue[0]}"); do
      [[ ! -e $to/$libraries/$name ]] || continue
      cp -L "$from/$libraries/$name" "$to/$libraries/"
      queue+=("$from/$libraries/$name")
    done
    queue=("${queue[@]:1}")
  done
}

# Of QEMU's 91 packages what our guest asks for.
add_qemu() {
  local to=$tree/build/vm/host name
  add_program qemu host usr/bin/qemu-system-x86_64
  mkdir -p "$to/usr/share/qemu" "$to/usr/share/seabios"
  cp "$vm/host/usr/share/seabios/bios-256k.bin" "$to/usr/share/seabios/"
  for name in kvmvapic.bin linuxboot_dma.bin; do cp "$vm/host/usr/share/qemu/$name" "$to/usr/share/qemu/"; done
}

add_guest() {
  local version
  version=$(<"$vm/kernel/6.1/version")
  mkdir -p "$tree/build/vm/kernel" "$tree/build/vm/root/bin" "$tree/build/vm/ko/$version"
  cp -r "$vm/kernel/6.1" "$tree/build/vm/kernel/"
  cp "$vm/root.cpio" "$tree/build/vm/"
  cp -L "$vm/root/bin/busybox" "$tree/build/vm/root/bin/"
  cp "$vm/ko/$version/vgpu.ko" "$tree/build/vm/ko/$version/"
  strip --strip-debug "$tree/build/vm/ko/$version/vgpu.ko"
}

# Without what only a debugger reads.
strip_all() { find "$tree/build" -type f -exec sh -c 'for file; do strip --strip-unneeded "$file"; done' sh {} +; }

# The daemon's programs and the guest's libraries.
add_vgpu() {
  local name
  mkdir -p "$tree/build/bin"
  for name in vgpud vgpu-worker vgpu-holder vgpu-monitor vgpu-run vgpu-smi; do cp "$build/bin/$name" "$tree/build/bin/"; done
  cp -a "$build/lib" "$build/soft" "$tree/build/"
}

# Tests that this machine has built are no scripts. add_scripts DIRECTORY...
add_scripts() {
  local name
  for name in "$@"; do
    mkdir -p "$tree/tests/$name"
    find "$top/tests/$name" -mindepth 1 -maxdepth 1 ! -name '*.cpp' ! -name '*.cu' ! -name '*.h' -exec cp -r {} "$tree/tests/$name/" \;
  done
}

# The samples hold the same runtime, far apart: the dictionary spans them.
compress() { tar -C "$tree" --sort=name --owner=0 --group=0 -cf - . | xz -T1 --check=crc32 --lzma2=preset=2,dict=64MiB; }
