# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# The tests that a card must pass for a guest: card.sh PART...; tests/gpu/vm says what the parts need. Each ends with
# "PART: N passed, M failed, T s".
. /root/guest/support.sh
export LIMIT="${LIMIT:-300}"
cd /root/project || exit 1
now() { cut -d' ' -f1 /proc/uptime; }
echo "booted $(uname -r) in $(now) s"

smoke() {
  sh /root/guest/smoke.sh >/tmp/smoke
  code=$?
  cat /tmp/smoke
  echo "$(grep -c '^ok  ' /tmp/smoke) passed, $(grep -c '^FAIL' /tmp/smoke) failed"
  return $code
}
programs() { sh tests/programs/run.sh programs; }
ptx() { timeout "$LIMIT" ./ptx tests/ptx; }
contract() { bash tests/contract/run.sh /root/project/contract; }
runtime() { bash tests/check/catch.sh "$LIMIT" runtime.d/runtime ${CASES:+"$CASES"}; }
speed() {
  for family in launch copy; do timeout "$LIMIT" ./vgpu-bench --measure "$family" '*' 0; done >/tmp/speed
  cat /tmp/speed
  echo "$(grep -vc '	!' /tmp/speed) passed, $(grep -c '	!' /tmp/speed) failed"
  ! grep -q '	!' /tmp/speed
}

for part in "$@"; do
  begin=$(now)
  {
    "$part" 2>&1
    echo $? >/tmp/status
  } | tee /tmp/part
  count=$(grep -E '^[0-9]+ passed, [0-9]+ failed' /tmp/part | tail -n 1)
  # A part that does not say how it went has failed, and so has one that says otherwise than it ends.
  [ "$(cat /tmp/status)" -eq 0 ] || failed=1
  case ${count:-nothing} in
    nothing | "0 passed"*) failed=1 count='0 passed, 1 failed' ;;
    *", 0 failed"*) [ "$(cat /tmp/status)" -eq 0 ] || count="${count%%,*}, 1 failed" ;;
    *) failed=1 ;;
  esac
  echo "$part: $count, $(echo "$begin $(now)" | awk '{ printf "%.1f", $2 - $1 }') s"
done
exit $failed
