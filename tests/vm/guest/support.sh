# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# What the scripts of this directory share; they run in the guest, from /root/guest, with busybox.
failed=0
counters=/sys/kernel/debug/vgpu/vgpu0/counters

# check TEXT COMMAND...: a line for the host to count.
check() {
  text=$1
  shift
  if "$@"; then
    echo "ok    $text"
  else
    echo "FAIL  $text"
    failed=1
  fi
}

eventually() {
  tries=$1
  shift
  while [ "$tries" -gt 0 ]; do
    "$@" && return 0
    tries=$((tries - 1))
    usleep 100000
  done
  return 1
}

# counter NAME: its value.
counter() { awk -v name="$1" '$1 == name { print $2 }' "$counters"; }

# All that is not a total is zero when no process is left.
holds_nothing() { awk '$1 !~ /^total_/ && $2 != 0 { bad = 1 } END { exit bad || NR == 0 }' "$counters"; }
show_counters() { sed 's/^/      /' "$counters"; }

# Interrupts of the device so far, on all processors.
interrupts() { awk '/vgpu/ { for (i = 2; i < NF; i++) if ($i ~ /^[0-9]+$/) sum += $i } END { print sum + 0 }' /proc/interrupts; }

one_line() { [ "$(grep -c . "$1")" -eq 1 ]; }
