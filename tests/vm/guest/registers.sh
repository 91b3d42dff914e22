# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# registers.sh SECONDS [SEED]: a kernel that wants no good, and then one that means well. The module is not loaded.
. /root/guest/support.sh
device=$(dirname "$(grep -l 0x10f7 /sys/bus/pci/devices/*/subsystem_device)")
echo 1 >"$device/enable"
echo 4 >/proc/sys/vm/nr_hugepages
registers "$device/resource0" "$@"
check "the device comes to rest after all" test $? -eq 0
echo 0 >"$device/enable"
modprobe vgpu
vm-client work 1 >/tmp/out
check "a program runs after" grep -q ready /tmp/out
check "and leaves nothing" eventually 50 holds_nothing
exit $failed
