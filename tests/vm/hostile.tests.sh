# SPDX-License-Identifier: Apache-2.0
# A user, and a kernel, of a guest who want no good. The kernel looks after itself as far as Debian's can: what is freed is poisoned and
# checked, and some of what is allocated has a page of its own.

hostile_user() {
  guest_passes "a hostile user for $2 s on $1" --kernel "$1" --timeout $(($2 + 200)) --kernel-arg slub_debug=FZPU \
    --kernel-arg kfence.sample_interval=1 --file "$BUILD/tests/kmod/hostile:/usr/local/bin/hostile" \
    -- sh /root/guest/hostile.sh 4 "$2"
  check "vgpud and its workers did not crash" test "$(grep -c 'killed by signal\|core dumped' log/vgpud.log)" -eq 0
}
test_hostile_user() { hostile_user 6.12 15; }
long_test_hostile_user_6_1() { hostile_user 6.1 120; }
long_test_hostile_user_7_3() { hostile_user 7.3 120; }

hostile_kernel() {
  guest_passes "a hostile kernel for $1 s" --kernel 6.12 --no-module --timeout $(($1 + 200)) \
    --file "$BUILD/tests/kmod/registers:/usr/local/bin/registers" -- sh /root/guest/registers.sh "$1"
}
test_hostile_kernel() { hostile_kernel 10; }
long_test_hostile_kernel() { hostile_kernel 120; }
