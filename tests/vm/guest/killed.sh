# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# killed.sh PROCESSES: each is killed at some moment of its life; the host and the kernel keep nothing of it.
. /root/guest/support.sh
count=$1 started=0
vm-client pin 0 >/tmp/out
check "a program runs before" grep -q ready /tmp/out
check "and leaves nothing" eventually 50 holds_nothing
free_before=$(awk '/^MemFree/ { print $2 }' /proc/meminfo)
while [ "$started" -lt "$count" ]; do
  started=$((started + 1))
  vm-client pin 20 >/dev/null 2>&1 &
  # From before the open to the midst of work.
  usleep $(($(od -An -N2 -tu2 /dev/urandom) * 12))
  kill -9 $!
  wait $! 2>/dev/null
done
echo "ok    $count processes started and killed"
check "counters are back to zero" eventually 100 holds_nothing
[ $failed -eq 0 ] || show_counters
# A session is 10 MiB and more; what the kernel keeps in its own lists for the next one is less than a few of them.
memory_is_back() { [ $((free_before - $(awk '/^MemFree/ { print $2 }' /proc/meminfo))) -lt 65536 ]; }
check "free memory is back, within 64 MiB of $free_before kB" eventually 50 memory_is_back
vm-client pin 1 >/tmp/out
check "a program runs after" grep -q ready /tmp/out
exit $failed
