# SPDX-License-Identifier: Apache-2.0
# What the tests of guests share. A test runs in a shell and a directory of its own, prints "ok    ..." and "FAIL  ..." lines,
# and must not end early. RUN is tests/vm/run; KERNEL is the guest's kernel, if the test does not say.
. "$HERE/../check/count.sh"

# Waits up to $1 seconds for a command to succeed.
eventually() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    [[ $SECONDS -lt $end ]] || return 1
    sleep 0.05
  done
}

# Boots a guest that has the test scripts and programs. The guest's own lines are checks, too; its end is one.
guest_files() {
  printf '%s\n' --file "$HERE/guest:/root/guest" --file "$BUILD/tests/vm-client:/usr/local/bin/vm-client"
  local program
  for program in "$PROGRAMS"/{device_query,vector_add,matrix_product,streams,threads,nbody}; do
    printf '%s\n' --file "$program:/usr/local/bin/${program##*/}"
  done
}
guest() {
  local files
  mapfile -t files < <(guest_files)
  "$HERE/run" --driver "${DRIVER:-soft}" --keep-log "$PWD/log" "${files[@]}" "$@"
}
guest_passes() {
  local text=$1 code
  shift
  guest "$@"
  code=$?
  check "$text: guest's status $code" test $code -eq 0
}

# A guest that does what it is told (guest/steered.sh), a vgpud that can be killed under it, and QMP.
start_vgpud() {
  rm -f vgpu.sock ready
  mkfifo ready
  "$BUILD/bin/vgpud" --vm "$PWD/vgpu.sock" --driver "${DRIVER:-soft}" --ready-fd 9 "$@" 9>ready 2>>vgpud.log </dev/null &
  vgpud=$!
  [[ $(timeout 20 head -c 1 ready | wc -c) -eq 1 ]]
}
stop_vgpud() {
  kill "-$1" "$vgpud" 2>/dev/null
  wait "$vgpud" 2>/dev/null
}
start_guest() { start_steered --socket "$PWD/vgpu.sock" "$@"; }
start_steered() {
  mkfifo orders
  # Opened for both, so that it does not wait for the other side, which comes later.
  exec 7<>orders
  : >answers
  guest --qmp "$PWD/qmp.sock" --pid-file "$PWD/qemu.pid" --input "$PWD/orders" "$@" \
    -- sh /root/guest/steered.sh >answers 2>guest.log &
  guest=$!
  eventually 60 grep -q '^steered' answers
}
# order SECONDS VERB ARGUMENT...: the guest's answer is its status; what it printed is in the file answer.
order() {
  local patience=$1 before
  shift
  before=$(wc -l <answers)
  echo "$*" >&7
  eventually "$patience" answered || { echo "      no answer to: $*"; return 250; }
  tail -n +$((before + 1)) answers >answer
  return "$(sed -n 's/^done //p' answer | tail -n 1)"
}
answered() { [[ $(tail -n +$((before + 1)) answers | grep -c '^done ') -ge 1 ]]; }
end_guest() {
  echo exit >&7
  wait "$guest"
  local code=$?
  [[ $code -eq 0 ]] || tail -n 30 guest.log
  return $code
}

qmp() { "$BUILD/tests/vm-qmp" "$PWD/qmp.sock" "$@" >>qmp.log 2>&1 || { tail -n 3 qmp.log; false; }; }
unplug() { qmp '{"execute": "device_del", "arguments": {"id": "vgpu0"}}' event:DEVICE_DELETED; }
plug() {
  qmp '{"execute": "device_add", "arguments": {"driver": "vfio-user-pci", "id": "vgpu0", "bus": "rp0", "rombar": 0,
    "socket": {"type": "unix", "path": "'"$PWD"'/vgpu.sock"}}}'
}
qemu_lives() { kill -0 "$(<qemu.pid)" 2>/dev/null; }
works() { order 60 run vm-client work 0; }

stop_all() {
  local pid
  for pid in $(jobs -p); do kill -TERM "$pid" 2>/dev/null; done
  wait 2>/dev/null
}
