# SPDX-License-Identifier: Apache-2.0
# The device in a guest that is left alone: what a user sees, on each kernel.

test_smoke_6_1() { guest_passes "smoke on 6.1" --kernel 6.1 -- sh /root/guest/smoke.sh; }
test_smoke_6_12() { guest_passes "smoke on 6.12" --kernel 6.12 -- sh /root/guest/smoke.sh; }
test_smoke_7_3() { guest_passes "smoke on 7.3" --kernel 7.3 -- sh /root/guest/smoke.sh; }

ioctls() {
  guest_passes "every ioctl, and each way to use it wrongly, on $1" --kernel "$1" \
    --file "$BUILD/tests/kmod/uapi:/usr/local/bin/uapi" -- uapi /dev/vgpu0
}
test_ioctls_6_1() { ioctls 6.1; }
test_ioctls_6_12() { ioctls 6.12; }
test_ioctls_7_3() { ioctls 7.3; }

test_module_comes_and_goes() {
  guest_passes "20 loads and unloads" --no-module -- sh /root/guest/load_unload.sh 20
}
long_test_module_comes_and_goes_7_3() {
  guest_passes "20 loads and unloads on 7.3" --kernel 7.3 --no-module -- sh /root/guest/load_unload.sh 20
}

contract_in_guest() {
  local top=$HERE/../..
  guest --timeout 1200 --file "$top/tests/contract/run.sh:/root/project/tests/contract/run.sh" \
    --file "$top/tests/check/catch.sh:/root/project/tests/check/catch.sh" \
    --file "$BUILD/tests/contract:/root/project/contract" "$@"
}
test_contract() {
  contract_in_guest -- sh /root/guest/contract.sh
  check "all contract tests on 6.1" test $? -eq 0
}

# Its programs and their memory, without a session for looking.
test_nvml() {
  guest --file "$BUILD/tests/nvml:/root/nvml" --file "$HERE/../check/catch.sh:/root/catch.sh" -- bash /root/catch.sh 250 /root/nvml
  check "all NVML tests on 6.1" test $? -eq 0
}

test_memory_not_shared() {
  local output
  output=$(guest --share off --no-module --allow '' --timeout 60 -- sh -c \
    'modprobe vgpu; dmesg | grep "vgpu.*share" >/tmp/lines; cat /tmp/lines; [ ! -e /dev/vgpu0 ] && echo no-node' 2>&1)
  check "a guest whose memory is not shared gets no device" grep -q '^no-node' <<<"$output"
  check "and one clear line why" is "$(grep -c 'share=on' <<<"$output")" 1
}

test_two_guests() {
  local output pid
  guest --kernel 6.12 -- sh -c 'vm-client work 5' >second 2>&1 &
  pid=$!
  guest --kernel 6.1 -- sh -c 'vm-client work 5'
  check "the first of two guests at a time computes" test $? -eq 0
  wait $pid
  check "the second of two guests at a time computes" test $? -eq 0
}

# A refused command is answered like any other: whoever waits for it is woken.
test_two_memory_backends() {
  local output
  output=$(guest --kernel 6.1 --qemu-arg -m --qemu-arg 1G,slots=1,maxmem=4G \
    --qemu-arg -object --qemu-arg memory-backend-memfd,id=second,size=128M,share=on \
    --qemu-arg -device --qemu-arg pc-dimm,id=dimm,memdev=second -- sh /root/guest/two_backends.sh 2>&1)
  check "a program with pages of two memory backends gets an error" grep -q '^error CUDA_ERROR_NO_DEVICE' <<<"$output"
  check "and does not hang" grep -q '^status 3' <<<"$output"
  check "vgpud says what is wrong" grep -q 'several files: give it one memory backend' log/vgpud.log
}
