# SPDX-License-Identifier: Apache-2.0
# What the host tests share. Each test has its directory as the working directory, and may have one daemon: $daemon.

begin_test() {
  daemon= driver=
  echo ok >driver
  mkdir soft && echo ok >soft/libcuda-soft.so.1
  chmod -R a+rX .
  trap 'stop_all' EXIT
}

# Nothing that a test started may outlive it.
end_test() {
  stop_daemon TERM
  expect "sockets left" "$(ls socket socket.lock 2>/dev/null)" ""
}

stop_all() {
  for pid in $(jobs -p); do kill -9 "$pid" 2>/dev/null; done
  wait 2>/dev/null
}

fail() {
  echo "$*"
  exit 1
}

expect() { [[ $2 == "$3" ]] || fail "$1: expected '$3', got '$2'"; }
expect_like() { [[ $2 == *"$3"* ]] || fail "$1: expected something with '$3', got '$2'"; }

# Waits up to 10 seconds for a command to succeed.
eventually() {
  local try
  for try in $(seq 500); do
    "$@" && return 0
    sleep 0.02
  done
  fail "never came true: $*"
}

# The daemon with a test driver ($driver, if it is set); other options may follow.
start_daemon() {
  "$VGPUD" --socket "$PWD/socket" --driver "${driver:-$PWD/driver}" --worker "$WORKER" "$@" 2>>log &
  daemon=$!
  eventually connects
  # The connection that was tried may still be on its way out.
  sleep 0.1
  fds_at_start=$(count_fds)
}
connects() { "$CLIENT" "$PWD/socket" >/dev/null; }

stop_daemon() {
  [[ -n $daemon ]] || return 0
  kill "-$1" "$daemon"
  wait "$daemon"
  daemon_status=$?
  daemon=
}

client() { "$CLIENT" "$PWD/socket" "$@" | paste -sd' '; }
# In the background, its lines in file $1; $! is its process.
client_in_background() {
  local output=$1
  shift
  "$CLIENT" "$PWD/socket" "$@" >"$output" &
}
has_line() { grep -qx "$2" "$1" 2>/dev/null; }

workers() { pgrep -P "$daemon"; }
count_fds() { ls "/proc/$daemon/fd" | wc -l; }
no_workers() { [[ -z $(workers) ]]; }
gone() { [[ ! -d /proc/$1 ]]; }

# No process, no descriptor, no memory file more than at the start.
expect_clean() {
  eventually no_workers
  eventually fds_as_at_start
}
fds_as_at_start() { [[ $(count_fds) -eq $fds_at_start ]]; }
