# SPDX-License-Identifier: Apache-2.0

test_a_client_is_welcomed_and_served() {
  start_daemon
  expect answer "$(client hello 'run=hi')" "welcome ok"
  expect_clean
}

test_a_second_daemon_on_the_socket_names_it_and_leaves_the_first_alone() {
  start_daemon
  local text
  text=$("$VGPUD" --socket "$PWD/socket" --driver "$PWD/driver" --worker "$WORKER" 2>&1)
  expect status $? 1
  expect_like text "$text" "another vgpud already serves $PWD/socket"
  expect "first daemon" "$(client hello)" "welcome"
}

test_the_socket_of_a_dead_daemon_is_replaced() {
  start_daemon
  stop_daemon KILL
  [[ -S socket ]] || fail "no stale socket to begin with"
  start_daemon
  expect answer "$(client hello)" "welcome"
}

test_a_file_that_is_no_socket_is_not_replaced() {
  echo precious >socket
  local text
  text=$("$VGPUD" --socket "$PWD/socket" --driver "$PWD/driver" --worker "$WORKER" 2>&1)
  expect status $? 1
  expect_like text "$text" "is not a socket"
  expect content "$(cat socket)" precious
  rm socket
}

test_signals_end_the_daemon_in_order() {
  local signal
  for signal in TERM INT HUP; do
    start_daemon
    client_in_background out hello closed
    eventually has_line out welcome
    local worker
    worker=$(workers)
    stop_daemon "$signal"
    expect "status after $signal" "$daemon_status" 0
    [[ -z $(ls socket socket.lock 2>/dev/null) ]] || fail "the socket is left after $signal"
    eventually gone "$worker"
    eventually has_line out closed
  done
}

test_the_socket_is_private_unless_told_otherwise() {
  start_daemon
  expect mode "$(stat -c %a socket)" 600
  stop_daemon TERM
  start_daemon --socket-mode 0660
  expect mode "$(stat -c %a socket)" 660
}

expect_mistake() {
  local status=$1 text=$2 output
  shift 2
  output=$(timeout 5 "$VGPUD" "$@" 2>&1)
  expect "status of $*" $? "$status"
  expect_like "text of $*" "$output" "$text"
}

test_mistakes_on_the_command_line_are_explained() {
  expect_mistake 2 "--vm PATH or --socket PATH is needed"
  expect_mistake 2 "'4x' is not a size" --socket s --memory-limit 4x
  expect_mistake 2 "'0' is not a size" --socket s --memory-limit 0
  expect_mistake 2 "'17179869184G' is not a size" --socket s --memory-limit 17179869184G
  expect_mistake 2 "'888' is not an octal mode" --socket s --socket-mode 888
  expect_mistake 2 "'loud' is not off" --socket s --log loud
  expect_mistake 2 "--what" --socket s --what
  expect_mistake 2 "'xyz' is not VENDOR:DEVICE" --socket s --pci-id xyz
  expect_mistake 2 "not in range 0" --socket s --lifeline-fd -5
  expect_mistake 2 "not in range 0" --socket s --ready-fd -1
  expect_mistake 2 "--vm and --socket need a path each" --socket s --vm s
  expect_mistake 1 "the CUDA driver $PWD is a directory" --socket s --driver "$PWD" --worker "$WORKER"
  expect_mistake 1 "the worker $PWD is a directory" --socket s --driver soft --worker "$PWD"
  expect_mistake 1 "choose soft, nvidia, auto" --socket s --driver cuda --worker "$WORKER"
  expect_mistake 1 "/nowhere/libcuda.so.1 cannot be read" --socket s --driver /nowhere/libcuda.so.1 --worker "$WORKER"
  expect_mistake 1 "/nowhere/worker cannot be executed" --socket s --driver soft --worker /nowhere/worker
  expect_mistake 1 "must have 1 to 107 characters" --socket "$(printf 's%.0s' {1..200})" --driver "$PWD/driver" --worker "$WORKER"
  expect_mistake 1 "cannot create /nowhere/s.lock" --socket /nowhere/s --driver "$PWD/driver" --worker "$WORKER"
  expect_mistake 0 "Usage: vgpud" --help
  expect_mistake 0 "vgpud 0" --version
}

test_a_free_port_for_metrics_is_told_without_being_asked() {
  start_daemon --metrics 127.0.0.1:0
  eventually grep -qE '^vgpu: metrics on 127\.0\.0\.1:[1-9][0-9]*$' log
  local port
  port=$(sed -n 's/^vgpu: metrics on 127\.0\.0\.1://p' log)
  exec 3<>"/dev/tcp/127.0.0.1/$port"
  printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3
  expect_like "the page" "$(cat <&3)" vgpu_sessions_open
  exec 3>&-
}

test_what_only_vgpud_starts_says_so() {
  local program text
  for program in worker monitor holder; do
    text=$("${VGPUD%/*}/vgpu-$program" 3<&- 2>&1 </dev/null)
    expect "status of vgpu-$program" $? 2
    expect "text of vgpu-$program" "$text" "vgpu-$program is started by vgpud; see vgpud --help"
  done
}

test_a_driver_that_cannot_start_is_the_refusals_text() {
  start_daemon
  echo refuse >driver
  expect answer "$(client hello closed)" "refused: the test's driver refuses not closed"
  echo nonsense >driver
  expect answer "$(client hello)" "refused: $PWD/driver is no driver"
  expect_clean
}

test_a_worker_that_crashes_while_it_starts_is_a_refusal() {
  start_daemon
  echo crash >driver
  expect_like answer "$(client hello)" "refused: the GPU worker ended while it started (killed by signal 11"
  expect_clean
}

test_a_client_that_leaves_while_its_worker_starts_leaves_nothing() {
  start_daemon
  echo hang >driver
  client_in_background out hello
  eventually workers >/dev/null
  kill -9 $!
  expect_clean
}

test_another_wire_format_is_refused_with_both_numbers() {
  start_daemon
  expect_like answer "$(client hello=77)" "refused: this vgpud speaks wire format 4, the program's libcuda.so.1 speaks 119"
  expect_clean
}

test_malformed_messages_close_their_connection_only() {
  start_daemon
  client_in_background good hello sleep=1 'run=hi'
  eventually has_line good welcome
  local step
  for step in raw=1 raw=255 raw=256 raw=257 raw=100000 type=0 type=2 type=3 type=6 type=7 type=8 type=4000000000 files=3 files=60; do
    expect "answer to $step" "$(client "$step")" closed
    expect "answer to $step after hello" "$(client hello "$step")" "welcome closed"
  done
  expect "second hello" "$(client hello hello)" "welcome closed"
  eventually has_line good ok
  expect_clean
}

test_maps_are_checked_before_the_worker_sees_them() {
  start_daemon
  expect "before hello" "$(client map=200000000000,1000)" ENODEV
  expect "no file" "$(client hello files=0)" "welcome EBADF"
  expect "two files" "$(client hello files=2)" "welcome EBADF"
  expect "device file" "$(client hello map-file=/dev/zero,200000000000)" "welcome EBADF"
  head -c 8192 /dev/zero >plain
  # A plain file on tmpfs is as good as a memory file; on any other file system it is refused.
  [[ $(stat -f -c %T .) == tmpfs ]] || expect "plain file" "$(client hello "map-file=plain,200000000000")" "welcome EBADF"
  local range
  for range in 200000000001,1000 200000000000,1001 200000000000,0 200000000000,1000,1 200000000000,1000,1000 \
    200000000000,1000,fffffffffffff000 fffffffffffff000,1000 fffffffffffff000,2000 0,1000 7fffffffe000,10000 1000,1000; do
    expect "range $range" "$(client hello "map=$range")" "welcome EINVAL"
  done
  expect twice "$(client hello map=200000000000,2000 map=200000001000,1000 map=1ffffffff000,2000)" "welcome ok EEXIST EEXIST"
  expect "over the worker itself" "$(client hello map=100000000000,1000)" "welcome EEXIST"
  expect "not mapped" "$(client hello unmap=200000000000,1000)" "welcome EINVAL"
  expect "other size" "$(client hello map=200000000000,2000 unmap=200000000000,1000)" "welcome ok EINVAL"
  expect_clean
}

test_mapped_memory_is_shared_and_known_to_the_worker() {
  start_daemon
  expect answers "$(client hello map=200000000000,2000 map=200000002000,1000 'run=peek 200000002000' \
    'run=contains 200000000000 3000' 'run=contains 200000001fff 2' 'run=contains 200000000000 3001' \
    'run=contains 1ffffffffff0 10' 'run=contains 200000000000 0' 'run=contains 200000000001 ffffffffffffffff' \
    unmap=200000000000,2000 'run=contains 200000000000 1' 'run=contains 200000002000 1000' stats)" \
    "welcome ok ok hey! yes yes no no no no ok no yes commands 9 sessions 1 lost 0 device 0 mapped 4096"
}

test_many_maps_may_be_outstanding() {
  start_daemon
  expect answers "$(client hello burst=500)" "welcome 500 of 500"
  expect_clean
}

test_a_killed_client_leaves_nothing() {
  start_daemon
  client_in_background out hello map=200000000000,100000 sleep=60
  eventually has_line out ok
  expect workers "$(workers | wc -l)" 1
  kill -9 $!
  expect_clean
}

test_a_killed_worker_is_told_to_its_client_only() {
  start_daemon
  client_in_background first hello lost map=200000000000,1000 stats
  eventually has_line first welcome
  local victim
  victim=$(workers)
  client_in_background second hello sleep=1 'run=hi'
  eventually has_line second welcome
  sleep 0.2
  kill -9 "$victim"
  eventually has_line first "lost, woken"
  eventually has_line first ENODEV
  eventually has_line second ok
  expect_like log "$(cat log)" "ended: killed by signal 9"
  expect_clean
}

test_a_worker_that_ends_in_order_is_no_loss() {
  start_daemon
  expect answers "$(client hello run=end lost stats)" "welcome ok lost, woken commands 1 sessions 1 lost 0 device 0 mapped 0"
  expect_clean
}

test_workers_and_clients_notice_a_killed_daemon() {
  start_daemon
  client_in_background out hello closed
  eventually has_line out welcome
  local worker
  worker=$(workers)
  stop_daemon KILL
  eventually gone "$worker"
  eventually has_line out closed
  rm -f socket socket.lock
}

test_what_one_worker_offers_another_claims_until_the_first_ends() {
  start_daemon
  client_in_background first hello 'run=offer 1' sleep=60
  local exporter=$! token
  eventually grep -q ' ' first
  token=$(sed -n 2p first)
  expect claimed "$(client hello "run=claim $token" 'run=claim 1 2')" "welcome 1 hello with a file none"
  kill -9 "$exporter"
  eventually no_workers
  expect "after its end" "$(client hello "run=claim $token")" "welcome none"
  expect_clean
}

test_an_offer_is_withdrawn_by_its_own_worker_only() {
  start_daemon
  client_in_background first hello 'run=offer 4' sleep=60
  local exporter=$! token
  eventually grep -q ' ' first
  token=$(sed -n 2p first)
  expect "another worker" "$(client hello "run=withdraw $token" "run=claim $token")" "welcome ok 4 hello"
  kill -9 "$exporter"
  expect_clean
}

test_offers_of_no_kind_are_refused() {
  start_daemon
  expect answers "$(client hello 'run=offer 0' 'run=offer 6' 'run=offer ffffffff')" "welcome EINVAL EINVAL EINVAL"
  expect_clean
}

test_the_memory_limit_holds_for_all_workers_together() {
  start_daemon --memory-limit 1MiB
  client_in_background first hello 'run=reserve c0000' sleep=60
  local first=$!
  eventually has_line first yes
  expect second "$(client hello run=limit 'run=reserve 40001' 'run=reserve 40000' 'run=reserve 1' 'run=release 1' 'run=reserve 1' run=used)" \
    "welcome 1048576 no yes no ok yes 1048576"
  expect "a sum that overflows" "$(client hello 'run=reserve ffffffffffffffff')" "welcome no"
  kill -9 "$first"
  eventually no_workers
  expect "after both ended" "$(client hello 'run=reserve 100000')" "welcome yes"
}

test_a_worker_that_gives_back_too_much_is_killed() {
  start_daemon --memory-limit 1MiB
  expect_like answers "$(client hello 'run=reserve 1000' 'run=release 1001' lost)" "lost, woken"
  expect_like log "$(cat log)" "gave back device memory that it did not hold"
}

test_sessions_beyond_the_limit_are_refused_and_the_place_comes_back() {
  start_daemon --max-sessions 1
  client_in_background out hello sleep=60
  local holder=$!
  eventually has_line out welcome
  expect_like answer "$(client hello)" "refused: all 1 sessions of this vgpud are in use"
  kill -9 "$holder"
  eventually no_workers
  expect answer "$(client hello)" welcome
}

worker_options() { tr '\0' ' ' <"/proc/$(workers)/cmdline"; }

test_a_worker_leaves_launches_alone_when_the_daemon_is_told_so() {
  start_daemon
  client_in_background out hello closed
  eventually has_line out welcome
  expect "without the option" "$(worker_options | grep -c -e --no-launch-graphs)" 0
  stop_daemon TERM
  start_daemon --no-launch-graphs
  client_in_background out hello closed
  eventually has_line out welcome
  expect_like "with it" "$(worker_options)" "--no-launch-graphs"
  stop_daemon TERM
}

test_the_driver_reads_what_the_program_set_for_it_and_nothing_else() {
  start_daemon
  client_in_background out "variables="$'\nCUDA_DEVICE_ORDER=PCI_BUS_ID\nLD_PRELOAD=x.so\nCUDA_DEVICE_MAX_CONNECTIONS=1' hello closed
  eventually has_line out welcome
  expect_like options "$(worker_options)" "--variable CUDA_DEVICE_ORDER PCI_BUS_ID --variable CUDA_DEVICE_MAX_CONNECTIONS 1"
  expect "others" "$(worker_options | grep -c LD_PRELOAD)" 0
  stop_daemon TERM
  start_daemon
  client_in_background out variables=1,0 hello closed
  eventually has_line out welcome
  expect_like "devices" "$(worker_options)" "--variable CUDA_VISIBLE_DEVICES 1,0"
  stop_daemon TERM
}

test_a_variable_that_changes_nothing_needs_no_worker_of_its_own() {
  start_daemon --prestart 1
  eventually prestarted 1 0
  local worker
  worker=$(workers)
  client_in_background out "variables="$'\nCUDA_DEVICE_MAX_CONNECTIONS=8' hello closed
  eventually has_line out welcome
  eventually two_workers
  expect "the first worker" "$(workers | grep -cx "$worker")" 1
  stop_daemon TERM
}
two_workers() { [[ $(workers | wc -l) -eq 2 ]]; }

test_prestarted_workers_wait_for_clients() {
  start_daemon --prestart 2
  eventually [ "$(workers | wc -l)" -eq 2 ]
  local before
  before=$(workers | head -1)
  client_in_background out hello sleep=60
  eventually has_line out welcome
  eventually three_workers
  expect "the first worker is in use" "$(workers | head -1)" "$before"
}
three_workers() { [[ $(workers | wc -l) -eq 3 ]]; }

test_as_many_workers_as_asked_for_have_a_context() {
  start_daemon --prestart 3 --ready-contexts 2
  eventually prestarted 3 2
}

test_a_worker_with_a_context_is_prestarted_without_further_words_and_replaced() {
  start_daemon --ready-contexts 1
  eventually prestarted 1 1
  expect answers "$(client hello run=context)" "welcome yes"
  eventually prestarted 1 1
  expect "answers of the next one" "$(client hello run=context)" "welcome yes"
}

test_workers_make_no_contexts_unasked() {
  start_daemon --prestart 1
  eventually prestarted 1 0
  expect answers "$(client hello run=context)" "welcome no"
}
# $1 workers wait, $2 of them with contexts.
prestarted() {
  local pid contexts=0
  [[ $(workers | wc -l) -eq $1 ]] || return 1
  for pid in $(workers); do ! tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qx -- --ready-context || contexts=$((contexts + 1)); done
  [[ $contexts -eq $2 ]]
}

test_running_out_of_descriptors_turns_clients_away_with_the_reason() {
  ulimit -n 32
  start_daemon
  local i
  for i in 1 2 3 4 5 6 7 8; do client_in_background "out$i" hello sleep=60; done
  eventually grep -qs "refused" out1 out2 out3 out4 out5 out6 out7 out8
  expect_like refusals "$(cat out*)" "Too many open files"
  stop_all_clients
  eventually no_workers
  expect "afterwards" "$(client hello)" welcome
}
stop_all_clients() {
  local pid
  for pid in $(jobs -p); do [[ $pid -eq $daemon ]] || kill -9 "$pid" 2>/dev/null; done
}

test_statistics_count_sessions_that_have_just_ended() {
  start_daemon
  client hello run=a run=b run=c >/dev/null
  client hello run=d >/dev/null
  expect totals "$(client stats)" "commands 4 sessions 2 lost 0 device 0 mapped 0"
}

test_the_daemon_ends_with_its_lifeline() {
  mkdir private
  mkfifo pipe
  "$VGPUD" --socket "$PWD/private/socket" --driver "$PWD/driver" --worker "$WORKER" --lifeline-fd 5 5<pipe 2>>log &
  local pid=$!
  exec 6>pipe
  eventually [ -S private/socket ]
  exec 6>&-
  wait "$pid"
  expect status $? 0
  [[ ! -e private ]] || fail "the socket's directory is left"
}

test_an_idle_daemon_does_not_wake_up() {
  start_daemon
  client_in_background out hello sleep=60
  eventually has_line out welcome
  sleep 0.3
  local before
  before=$(grep -h ctxt "/proc/$daemon/status" "/proc/$(workers)/status")
  sleep 1
  expect "context switches" "$(grep -h ctxt "/proc/$daemon/status" "/proc/$(workers)/status")" "$before"
}

test_the_holder_is_out_of_reach_of_what_ends_the_daemon_and_goes_after_it() {
  start_daemon --vm "$PWD/vm"
  local holder signal
  holder=$(pgrep -P "$daemon" vgpu-holder)
  expect "the holder's session" "$(ps -o sid= -p "$holder" | tr -d ' ')" "$holder"
  for signal in TERM INT HUP QUIT; do kill "-$signal" "$holder"; done
  sleep 0.2
  gone "$holder" && fail "a signal ended the holder"
  stop_daemon KILL
  eventually gone "$holder"
  rm socket socket.lock
}
