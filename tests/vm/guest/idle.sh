# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# idle.sh SECONDS: three programs with a context and nothing to do cost nothing. The host reads its side meanwhile: the
# lines idle-begin and idle-end say when.
. /root/guest/support.sh
seconds=$1
for name in a b c; do
  vm-client idle $((seconds + 15)) >/tmp/out.$name &
  eventually 150 grep -q ready /tmp/out.$name
done
sleep 2
doorbells=$(counter total_doorbells)
irqs=$(interrupts)
ticks=$(for pid in $(pidof vm-client); do awk '{ print $14 + $15 }' "/proc/$pid/stat"; done | awk '{ sum += $1 } END { print sum + 0 }')
echo idle-begin
sleep "$seconds"
echo idle-end
ticks_after=$(for pid in $(pidof vm-client); do awk '{ print $14 + $15 }' "/proc/$pid/stat"; done | awk '{ sum += $1 } END { print sum + 0 }')
check "no doorbells in $seconds s ($doorbells before, $(counter total_doorbells) after)" test "$doorbells" = "$(counter total_doorbells)"
check "no interrupts in $seconds s ($irqs before, $(interrupts) after)" test "$irqs" = "$(interrupts)"
check "no processor time in $seconds s ($((ticks_after - ticks)) ticks of 10 ms)" test $((ticks_after - ticks)) -le 2
wait
exit $failed
