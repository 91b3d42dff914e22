# SPDX-License-Identifier: Apache-2.0
# Nothing to do costs nothing, on either side.

# Processor time of the daemon that $1 names and of its children, in ticks.
host_ticks() {
  local pid sum=0
  for pid in "$1" $(pgrep -P "$1") $(pgrep -P "$(pgrep -P "$1" | paste -sd,)" 2>/dev/null); do
    sum=$((sum + $(awk '{ print $14 + $15 }' "/proc/$pid/stat" 2>/dev/null || echo 0)))
  done
  echo $sum
}

test_idle_guest() {
  start_vgpud || { check "vgpud starts" false; return; }
  guest --socket "$PWD/vgpu.sock" -- sh /root/guest/idle.sh 10 >output 2>&1 &
  local guest=$! before after
  if eventually 90 grep -q '^idle-begin' output; then
    before=$(host_ticks "$vgpud")
    eventually 60 grep -q '^idle-end' output
    after=$(host_ticks "$vgpud")
  fi
  wait "$guest"
  check "idle guest: its status" is $? 0
  cat output
  # The daemon's heartbeat, once a second, is all that is allowed.
  check "vgpud and three workers used $((${after:-999} - ${before:-0})) ticks of 10 ms in 10 s" test $((${after:-999} - ${before:-0})) -le 5
  stop_vgpud TERM
}
