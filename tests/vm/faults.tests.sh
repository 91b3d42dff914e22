# SPDX-License-Identifier: Apache-2.0
# Processes, daemons and devices that go away while a guest works.

test_killed_programs() { guest_passes "200 programs killed" --timeout 600 -- sh /root/guest/killed.sh 200; }

test_guest_reboot() {
  start_vgpud && start_guest || { check "guest starts" false; tail guest.log; return; }
  check "a program runs before the reboot" works
  order 20 start vm-client work 60
  sleep 2
  qmp '{"execute": "system_reset"}'
  check "the guest comes up again" eventually 60 eval '[[ $(grep -c "^steered" answers) -eq 2 ]]'
  check "no worker is left of the first life" eventually 10 eval '[[ $(pgrep -c -P "$vgpud") -le 1 ]]'
  check "a program runs after it" works
  # By itself, as a user does it: the module is told.
  echo 'run reboot -f' >&7
  check "it comes up again after its own reboot" eventually 60 eval '[[ $(grep -c "^steered" answers) -eq 3 ]]'
  check "a program runs after that" works
  check "the guest ends well" end_guest
  stop_vgpud TERM
}

test_unplug_and_plug() {
  local round
  start_vgpud && start_guest || { check "guest starts" false; tail guest.log; return; }
  for round in 1 2 3; do
    order 20 start vm-client work 120
    check "a program works ($round)" order 30 run 'eventually 200 grep -q ready /tmp/started'
    check "the device is pulled ($round)" unplug
    order 60 wait
    check "the program has a CUDA error, not a hang ($round)" is $? 3
    check "the node is gone ($round)" order 10 run 'test ! -e /dev/vgpu0'
    check "the device is plugged ($round)" plug
    check "the node is back ($round)" order 30 run 'eventually 200 test -e /dev/vgpu0'
    check "a program works on it ($round)" works
  done
  check "the guest ends well" end_guest
  stop_vgpud TERM
}

# The guest computes, the daemon dies, QEMU and the guest live, and a new daemon serves the plugged device.
kill_daemons() {
  local round failures=0
  start_vgpud && start_guest --timeout 1200 || { check "guest starts" false; tail guest.log; return; }
  for round in $(seq "$1"); do
    order 20 start vm-client work 60
    [[ $((round % 3)) -eq 0 ]] || order 30 run 'eventually 200 grep -q ready /tmp/started'
    sleep "0.$((RANDOM % 10))"
    stop_vgpud KILL
    order 60 wait
    [[ $? -eq 3 ]] || { failures=$((failures + 1)); echo "      round $round: the program's end: $(paste -sd' ' answer)"; }
    qemu_lives || break
    unplug && start_vgpud && plug && order 30 run 'eventually 200 test -e /dev/vgpu0' && works ||
      { failures=$((failures + 1)); echo "      round $round: no new device"; }
  done
  check "QEMU survived $round daemons killed" qemu_lives
  check "every program got a CUDA error, every new daemon served ($failures exceptions)" test $failures -eq 0
  check "the guest ends well" end_guest
  stop_vgpud TERM
}
test_daemon_killed() { kill_daemons 3; }
long_test_daemon_killed_50() { kill_daemons 50; }

test_worker_killed() {
  start_vgpud && start_guest || { check "guest starts" false; tail guest.log; return; }
  order 20 start vm-client work 60
  order 30 run 'eventually 200 grep -q ready /tmp/started'
  kill -9 "$(descendants "$vgpud" vgpu-worker | tail -n 1)"
  order 60 wait
  check "the program whose worker died has a CUDA error" is $? 3
  check "the next program works" works
  check "the guest ends well" end_guest
  stop_vgpud TERM
}

# descendants PID NAME: processes of that name below PID.
descendants() {
  local pid
  for pid in $(pgrep -P "$1"); do
    [[ $(<"/proc/$pid/comm") != "$2"* ]] || echo "$pid"
    descendants "$pid" "$2"
  done
}

test_qemu_killed() {
  start_vgpud && start_guest || { check "guest starts" false; tail guest.log; return; }
  order 20 start vm-client work 60
  order 30 run 'eventually 200 grep -q ready /tmp/started'
  kill -9 "$(<qemu.pid)"
  wait "$guest"
  check "run reports a guest that ended early" is $? 122
  check "vgpud lives and has no workers" eventually 20 eval '[[ -z $(descendants "$vgpud" vgpu-worker) ]]'
  check "vgpud is still there" kill -0 "$vgpud"
  guest --socket "$PWD/vgpu.sock" -- vm-client work 0
  check "and serves the next QEMU" test $? -eq 0
  stop_vgpud TERM
}
