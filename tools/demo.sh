#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make demo: a guest whose only special device is ours. Fetches QEMU and a stock kernel (once), builds the guest's module,
# boots, shows the device as the guest sees it, and runs unmodified CUDA programs there. demo.sh [KERNEL]; BUILD names the
# build directory. A line per step; what each part printed is in build/demo.
set -u
top=$(readlink -f "$(dirname "$(readlink -f "$0")")/..")
build=${BUILD:-$top/build}
kernel=${1:-6.1}
programs=$top/build/programs/static
logs=$top/build/demo
vm=$top/build/vm
total=$SECONDS
mkdir -p "$logs"
rm -f "$logs"/*.log

trap 'exit 130' INT TERM
say() { printf '%-9s %s\n' "[$((SECONDS - total)) s]" "$*"; }

# step LOG TEXT COMMAND...
step() {
  local log=$logs/$1.log text=$2
  shift 2
  say "$text"
  "$@" >"$log" 2>&1 </dev/null && return
  sed 's/^/    /' "$log"
  say "FAILED: $text (see ${log#"$PWD"/})"
  exit 1
}

# Runs in the guest.
guest='
say() { echo "== $*"; }
say "the kernel: $(uname -srv)"
say "/dev/nvidia* or another GPU: $(ls /dev/nvidia* /dev/dri 2>/dev/null | wc -l) found; LD_LIBRARY_PATH and LD_PRELOAD: ${LD_LIBRARY_PATH-unset}, ${LD_PRELOAD-unset}"
for device in /sys/bus/pci/devices/*; do
  read -r class <$device/class
  [ "$(readlink -f $device/driver | sed s,.*/,,)" = vgpu ] && shown=" <- driver: vgpu" || shown=
  read -r vendor <$device/vendor; read -r id <$device/device; read -r revision <$device/revision
  say "PCI ${device##*/}: vendor $vendor, device $id, class $class, revision $revision$shown"
done
say "the module: $(grep "^vgpu " /proc/modules)"
say "the node: $(ls -l /dev/vgpu0)"
say "the library: $(ldconfig -p | grep libcuda.so.1)"
failed=0
for program in device_query vector_add matrix_product; do
  say "$program, as nvcc built it:"
  begin=$(cut -d" " -f1 /proc/uptime)
  if su user -c "/usr/local/bin/$program"; then
    say "$program passed in $(echo "$(cut -d" " -f1 /proc/uptime) $begin" | awk "{ printf \"%.1f\", \$1 - \$2 }") s"
  else
    say "$program FAILED"
    failed=1
  fi
done
exit $failed
'

step fetch "QEMU, kernel $kernel and the guest's root (downloads when they are not there yet: about 100 MB)" \
  "$top/tests/vm/fetch" qemu rootfs kernel "$kernel" kbuild "$kernel"
version=$(<"$vm/kernel/$kernel/version")
if [[ -n $(find "$top/kmod" "$top/include" -type f -newer "$vm/ko/$version/vgpu.ko" 2>&1) ]]; then
  step module "vgpu.ko for $version" "$top/tests/vm/build-module" "$kernel"
fi
say "$("$vm/qemu" --version | head -n 1), boots Linux $version with one special device, served by vgpud (software GPU)"
begin=$SECONDS
BUILD=$build "$top/tests/vm/run" --kernel "$kernel" --timeout 300 --keep-log "$logs" \
  --file "$programs/device_query:/usr/local/bin/device_query" --file "$programs/vector_add:/usr/local/bin/vector_add" \
  --file "$programs/matrix_product:/usr/local/bin/matrix_product" -- sh -c "$guest" </dev/null 2>"$logs/run.log" |
  tee "$logs/guest.log" | sed -u 's/^/    /'
code=${PIPESTATUS[0]}
if [[ $code -ne 0 ]]; then
  sed 's/^/    /' "$logs/run.log"
  say "FAILED with status $code; see ${logs#"$PWD"/}/*.log"
  exit 1
fi
say "the guest has powered off. It ran $(grep -c '^== .* passed in' "$logs/guest.log") unmodified CUDA programs on a GPU that it does not have;"
say "boot to power-off took $((SECONDS - begin)) s ($(<"$vm/accel")), everything $((SECONDS - total)) s. Logs: ${logs#"$PWD"/}"
