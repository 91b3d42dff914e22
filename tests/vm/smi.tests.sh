# SPDX-License-Identifier: Apache-2.0
# vgpu-smi in a guest: what it shows of the guest's own programs, and what the doctor says where something is missing.

guest_with_smi() {
  guest --file "$BUILD/bin/vgpu-smi:/usr/bin/vgpu-smi" --file "$BUILD/tests/smi/holder:/usr/local/bin/holder" \
    --file "$BUILD/tests/smi/caller:/usr/local/bin/caller" "$@"
}

test_smi() {
  guest_with_smi -- sh /root/guest/smi.sh
  check "vgpu-smi in a guest: its status" test $? -eq 0
}

test_smi_without_the_module() {
  local output
  output=$(guest_with_smi --no-module -- sh -c 'vgpu-smi -L; echo "status $?"; vgpu-smi doctor; echo "doctor $?"' 2>&1)
  check "without the module there is no driver" grep -q '^status 9$' <<<"$output"
  check "and the doctor says what to do" grep -q 'modprobe vgpu' <<<"$output"
  check "and that there is a problem" grep -q '^doctor 1$' <<<"$output"
}

# A program of the host and one of the VM, of the same daemon: each side sees its own, and the host's administrator both.
test_smi_on_both_sides() {
  guest_with_smi --vgpud-arg --socket --vgpud-arg "$PWD/side.sock" -- holder 16 /bin/sh /root/guest/both_sides.sh >guest.out 2>&1 &
  local running=$!
  check "the guest's program runs" eventually 60 grep -q '^holding' guest.out
  local pid
  pid=$(sed -n 's/^holding //p' guest.out)
  export VGPU_SOCKET=$PWD/side.sock
  LD_LIBRARY_PATH=$BUILD/lib/guest "$BUILD/tests/smi/holder" 8 /bin/bash -c ". '$HERE/support.sh'"'
    echo "$HOLDER" >host.pid
    eventually 60 grep -q "^looked" guest.out
    "$BUILD/bin/vgpu-smi" --query-compute-apps=pid,used_memory --format=csv,noheader,nounits >apps
    "$BUILD/bin/vgpu-smi" --host --socket "$VGPU_SOCKET" >all'
  wait "$running"
  check "the guest's checks pass" test $? -eq 0
  grep -E '^(ok|FAIL) ' guest.out
  check "the host's tools see the host's program only" is "$(cat apps)" "$(cat host.pid), 8"
  check "--host sees both" test "$(grep -cE "^ +($pid +\? +VM, |$(cat host.pid) +holder +this host)" all)" -eq 2
}

# Programs of Debian's that this machine has unpacked, or has, with the libraries that a guest lacks.
test_nvtop() {
  local root library files=()
  root=$(readlink -m "$HERE/../../build/nvml-clients/root")
  "$HERE/../nvml/clients/fetch" || { check "nvtop can be had" false; return; }
  while read -r library; do
    files+=(--file "$library:/opt/nvtop/${library##*/}")
  done < <(LD_LIBRARY_PATH=$root/lib/x86_64-linux-gnu ldd "$root/usr/bin/nvtop" /usr/bin/script |
    sed -nE 's,.*=> (/[^ ]*) \(0x.*,\1,p' | grep -vE '/lib(c|m)\.so' | sort -u)
  guest_with_smi "${files[@]}" --file /lib/terminfo/x/xterm:/opt/nvtop/terminfo/x/xterm \
    --file "$root/usr/bin/nvtop:/usr/bin/nvtop" --file /usr/bin/script:/usr/bin/script --env SHOW_SCREEN="${SHOW_SCREEN:-}" -- sh /root/guest/nvtop.sh
  check "nvtop in a guest: its status" test $? -eq 0
}
