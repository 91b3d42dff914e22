# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# The device as a user meets it: ids, node, library, unmodified programs, as an ordinary user.
. /root/guest/support.sh
device=$(readlink -f /sys/bus/pci/drivers/vgpu/0000:*)
check "the driver is bound to a device" test -d "$device"
check "subsystem is 1af4:10f7" test "$(cat "$device/subsystem_vendor") $(cat "$device/subsystem_device")" = "0x1af4 0x10f7"
check "vendor is 10de" test "$(cat "$device/vendor")" = 0x10de
check "class is a display controller" grep -q '^0x03' "$device/class"
check "/dev/vgpu0 is a node that everybody may open" sh -c 'ls -l /dev/vgpu0 | grep -q "^crw-rw-rw-"'
check "ldconfig knows libcuda.so.1" sh -c 'ldconfig -p | grep -q libcuda.so.1'
for program in device_query vector_add matrix_product; do
  check "$program" sh -c "su user -c /usr/local/bin/$program >/tmp/out 2>&1 || { cat /tmp/out; false; }"
done
check "nothing is held when no program runs" eventually 50 holds_nothing
exit $failed
