# SPDX-License-Identifier: Apache-2.0
# The tests' own tools, without our device: a test is worth nothing if a failure in the guest does not reach us.

long_test_harness_status() {
  local output
  output=$("$HERE/run" --no-device --env 'A=b c' -- sh -c 'echo "$A"; exit 7' 2>/dev/null)
  check "the command's status is run's" is $? 7
  check "the command's output is run's, and nothing else" is "$output" "b c"
  "$HERE/run" --no-device -- sh -c 'echo "<4>WARNING: CPU: 0 PID: 1 at nowhere" >/dev/kmsg' 2>/dev/null
  check "a warning of the kernel is a failure" is $? 124
  "$HERE/run" --no-device --allow 'at nowhere' -- sh -c 'echo "<4>WARNING: CPU: 0 PID: 1 at nowhere" >/dev/kmsg' 2>/dev/null
  check "unless it is expected" is $? 0
  "$HERE/run" --no-device -- poweroff -f 2>/dev/null
  check "a guest that ends early is a failure" is $? 122
  "$HERE/run" --no-device --timeout 10 -- sleep 100 2>/dev/null
  check "a guest that does not end is a failure" is $? 123
}

long_test_harness_steering() {
  start_steered --no-device || { check "guest starts" false; tail guest.log; return; }
  order 10 run 'exit 5'
  check "the status of an order" is $? 5
  order 10 run 'eventually 3 false'
  check "the guest has our functions" is $? 1
  order 10 start 'echo hello; sleep 1; exit 6'
  order 10 wait
  check "the status of a background command" is $? 6
  check "its output" grep -q '^hello' answer
  qmp '{"execute": "system_reset"}'
  check "a reset guest comes up again" eventually 60 eval '[[ $(grep -c "^steered" answers) -eq 2 ]]'
  check "QEMU lives" qemu_lives
  check "the guest ends well" end_guest
}
