# SPDX-License-Identifier: Apache-2.0

# An installation of its own, whose guest library is an empty file: these programs load none.
install_tree() {
  mkdir -p tree/bin tree/lib/guest tmp
  cp "$VGPUD" "$VGPU_RUN" tree/bin/
  ln -s "$WORKER" tree/bin/vgpu-worker
  touch tree/lib/guest/libcuda.so.1
  export XDG_RUNTIME_DIR=$PWD/tmp
}
run() { tree/bin/vgpu-run --driver "$PWD/driver" "$@"; }
expect_no_traces() { expect "temporary directories" "$(ls tmp)" ""; }

test_the_programs_exit_status_is_passed_on() {
  install_tree
  run -- sh -c 'exit 7'
  expect status $? 7
  run -- sh -c 'kill -TERM $$'
  expect "status after a signal" $? 143
  run true
  expect "status without --" $? 0
  run -- /nowhere/program
  expect "status when not found" $? 127
  PATH=/usr/bin:/bin run -- no-such-program-here
  expect "status when not in PATH" $? 127
  run -- "$PWD/driver"
  expect "status when not executable" $? 126
  expect_no_traces
}

test_the_program_gets_its_arguments_and_environment() {
  install_tree
  expect arguments "$(run -- printf '%s,' --driver -- "a b")" "--driver,--,a b,"
  expect "library path" "$(LD_LIBRARY_PATH=/else run -- sh -c 'echo $LD_LIBRARY_PATH')" "$PWD/tree/lib/guest:/else"
  expect "library path alone" "$(LD_LIBRARY_PATH= run -- sh -c 'echo $LD_LIBRARY_PATH')" "$PWD/tree/lib/guest"
  expect "socket" "$(run -- sh -c '[ -S $VGPU_SOCKET ] && echo yes')" yes
  expect "input" "$(echo text | run -- cat)" text
  expect "descriptors" "$(run -- sh -c 'cd /proc/$$/fd && echo *')" "$(sh -c 'cd /proc/$$/fd && echo *')"
  expect_no_traces
}

test_the_program_reaches_the_daemon() {
  install_tree
  expect answers "$(run -- sh -c '"$CLIENT" "$VGPU_SOCKET" hello run=a' | paste -sd' ')" "welcome ok"
  expect_no_traces
}

test_the_daemon_is_told_to_leave_launches_alone() {
  install_tree
  local siblings
  siblings='for child in $(cat /proc/$PPID/task/*/children); do tr "\0" " " <"/proc/$child/cmdline"; done'
  expect_like "with the option" "$(run --no-launch-graphs -- sh -c "$siblings")" "--no-launch-graphs"
  expect "without" "$(run -- sh -c "$siblings" | grep -c -e --no-launch-graphs)" 0
  expect_no_traces
}

test_statistics_are_printed_at_the_end() {
  install_tree
  local text
  text=$(run --stats -- sh -c '"$CLIENT" "$VGPU_SOCKET" hello run=a run=b' 2>&1 >/dev/null)
  expect_like calls "$(tr -s ' ' <<<"$text")" "calls 2"
  expect_like sessions "$(tr -s ' ' <<<"$text")" "sessions 1, 0 refused, 0 lost"
}

test_signals_are_passed_on() {
  install_tree
  tree/bin/vgpu-run --driver "$PWD/driver" -- sh -c 'trap "echo got; exit 5" TERM; touch ready; while :; do sleep 0.05; done' >out &
  local pid=$!
  eventually [ -e ready ]
  kill -TERM "$pid"
  wait "$pid"
  expect status $? 5
  expect output "$(cat out)" got
  expect_no_traces
}

test_a_killed_vgpu_run_leaves_nothing() {
  install_tree
  tree/bin/vgpu-run --driver "$PWD/driver" -- sh -c 'echo $$ >program; touch ready; exec sleep 60' &
  local pid=$!
  eventually [ -e ready ]
  kill -9 "$pid"
  eventually no_traces
  kill -9 "$(cat program)"
}
no_traces() { [[ -z $(ls tmp) ]]; }

test_the_daemons_end_is_reported() {
  install_tree
  local text
  text=$(run -- sh -c 'kill -9 $(pgrep -P $PPID vgpud); sleep 0.3; exit 3' 2>&1)
  expect "status ($text)" $? 3
  expect_like text "$text" "vgpud has ended; the program has lost its GPU"
  expect_no_traces
}

test_a_daemon_that_cannot_start_says_why() {
  install_tree
  local text
  text=$(tree/bin/vgpu-run --driver /nowhere/driver -- true 2>&1)
  expect status $? 125
  expect_like text "$text" "the CUDA driver /nowhere/driver cannot be read"
  expect_like text "$text" "vgpud did not start"
  text=$(run --memory-limit many -- true 2>&1)
  expect status $? 125
  expect_like text "$text" "'many' is not a size"
  expect_no_traces
}

test_mistakes_are_explained() {
  install_tree
  local text
  text=$(tree/bin/vgpu-run 2>&1)
  expect status $? 125
  expect_like text "$text" "which program?"
  text=$(tree/bin/vgpu-run --nonsense -- true 2>&1)
  expect status $? 125
  expect_like text "$text" "--nonsense"
  text=$(tree/bin/vgpu-run --help)
  expect "status of --help" $? 0
  expect_like text "$text" "--stats"
  rm tree/lib/guest/libcuda.so.1
  text=$(run -- true 2>&1)
  expect status $? 125
  expect_like text "$text" "cannot find the guest library"
}
