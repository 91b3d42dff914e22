# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# load_unload.sh TIMES: the module comes and goes; every other time a program has used it.
. /root/guest/support.sh
times=$1 round=0
while [ "$round" -lt "$times" ]; do
  round=$((round + 1))
  modprobe vgpu || { echo "FAIL  load $round"; exit 1; }
  [ -c /dev/vgpu0 ] || { echo "FAIL  no /dev/vgpu0 after load $round"; exit 1; }
  [ $((round % 2)) -eq 0 ] || vm-client work 0 >/tmp/out || { echo "FAIL  program after load $round: $(cat /tmp/out)"; exit 1; }
  rmmod vgpu || { echo "FAIL  unload $round"; exit 1; }
  [ ! -e /dev/vgpu0 ] || { echo "FAIL  /dev/vgpu0 after unload $round"; exit 1; }
done
echo "ok    loaded and unloaded $times times"
modprobe vgpu
vm-client idle 3 >/tmp/out &
eventually 100 grep -q ready /tmp/out
check "a module in use stays" sh -c '! rmmod vgpu 2>/dev/null'
wait
exit $failed
