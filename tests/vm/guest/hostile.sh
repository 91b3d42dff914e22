# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# hostile.sh PROCESSES SECONDS [SEED]: a user who wants no good, beside a program that computes.
. /root/guest/support.sh
vm-client work 0 >/tmp/out
check "a program runs before" grep -q ready /tmp/out
check "and leaves nothing" eventually 50 holds_nothing
free_before=$(awk '/^MemFree/ { print $2 }' /proc/meminfo)
chmod 666 /dev/vgpu0
vm-client work "$2" >/tmp/beside 2>&1 &
beside=$!
hostile /dev/vgpu0 "$@"
check "the hostile processes came and went" test $? -eq 0
wait "$beside"
check "the program beside them has computed all the while" test $? -eq 0
[ $failed -eq 0 ] || cat /tmp/beside
check "counters are back to zero" eventually 100 holds_nothing
[ $failed -eq 0 ] || show_counters
memory_is_back() { [ $((free_before - $(awk '/^MemFree/ { print $2 }' /proc/meminfo))) -lt 65536 ]; }
check "free memory is back, within 64 MiB of $free_before kB" eventually 50 memory_is_back
vm-client work 0 >/tmp/out
check "a program runs after" grep -q ready /tmp/out
exit $failed
