# SPDX-License-Identifier: Apache-2.0
# What a worker can still do (docs/security.md). The kind of driver decides: libcuda-soft.so.1 is ours.

soft() {
  driver=$PWD/soft/libcuda-soft.so.1
  start_daemon "$@"
}

test_the_software_gpus_worker_works_in_its_sandbox() {
  soft
  expect answers "$(client hello 'run=try thread' map=200000000000,1000 'run=contains 200000000000 1')" "welcome ok ok yes"
}

test_the_software_gpus_worker_opens_no_files() {
  soft
  expect answers "$(client hello 'run=try open' 'run=try write')" "welcome EACCES EACCES"
}

test_forbidden_system_calls_kill_the_software_gpus_worker() {
  soft
  local what
  for what in socket exec fork ptrace kill block; do
    expect "$what" "$(client hello "run=try $what")" "welcome lost"
  done
  expect_like log "$(cat log)" "killed by its sandbox (forbidden system call)"
}

test_at_log_level_debug_the_forbidden_call_is_named() {
  soft --log debug
  expect answer "$(client hello 'run=try socket')" "welcome lost"
  expect_like log "$(cat log)" "forbidden system call 41 (socket)"
}

test_a_vendor_drivers_worker_starts_no_programs_and_talks_to_no_network() {
  start_daemon
  expect answers "$(client hello 'run=try thread' 'run=try socket' 'run=try exec' 'run=try fork' 'run=try kill' 'run=try open')" \
    "welcome ok EAFNOSUPPORT EPERM EPERM EPERM ok"
  expect ptrace "$(client hello 'run=try ptrace')" "welcome lost"
}

# Their flags are vgpud's as well, which would wait for the worker.
test_a_worker_does_not_make_what_it_shares_with_vgpud_block() {
  soft
  expect soft "$(client hello 'run=try dontblock' 'run=try block=0')" "welcome ok EACCES"
  stop_daemon TERM
  driver=
  start_daemon
  expect vendor "$(client hello 'run=try dontblock' 'run=try block' 'run=try block=0')" "welcome ok EPERM EPERM"
}

test_without_the_sandbox_everything_is_allowed() {
  soft --no-sandbox
  expect answers "$(client hello 'run=try open' 'run=try socket')" "welcome ok ok"
}

test_a_worker_has_no_privileges_and_no_files_of_the_daemon() {
  soft
  client_in_background out hello sleep=60
  eventually has_line out welcome
  local worker
  worker=$(workers)
  expect capabilities "$(awk '/^CapEff|^CapPrm/ {print $2}' "/proc/$worker/status" | sort -u)" 0000000000000000
  expect "new privileges" "$(awk '/^NoNewPrivs/ {print $2}' "/proc/$worker/status")" 1
  expect "the first to be killed for memory" "$(cat "/proc/$worker/oom_score_adj")" 500
  [[ $(id -u) -ne 0 ]] || expect "threads" "$(awk '/Max processes/ {print $3}' "/proc/$worker/limits")" 4096
  expect "core size" "$(awk '/Max core/ {print $5}' "/proc/$worker/limits")" 0
  [[ $(id -u) -ne 0 ]] || expect "descriptors" "$(ls "/proc/$worker/fd" | paste -sd' ')" "0 1 2 3 4 5 6"
  [[ $(id -u) -ne 0 ]] || expect "user" "$(client hello run=user)" "welcome other"
}
