# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# vgpu-smi while a program holds memory, and after it has ended.
. /root/guest/support.sh

# In the program that holds memory, whose number is $HOLDER.
if [ -n "${HOLDER:-}" ]; then
  vgpu-smi --query-compute-apps=pid,used_memory --format=csv,noheader,nounits >/tmp/processes
  check "the one process is the guest's, with what it holds" [ "$(cat /tmp/processes)" = "$HOLDER, 48" ]
  vgpu-smi >/tmp/table
  check "the table shows it" grep -q "$HOLDER .* holder .* 48MiB" /tmp/table
  sed 's/^/      /' /tmp/table
  vgpu-smi stats "$HOLDER" >/tmp/stats
  check "stats knows it" grep -q '^device memory  *48.0 MiB$' /tmp/stats
  check "every view works" sh -c 'for view in -L -q "-q -x" "topo -m" "dmon -c 1" "pmon -c 1" "stats --json" "--json"; do
    vgpu-smi $view >/dev/null || exit 1; done'
  exit $failed
fi

# In the program that makes calls all the time, which is root's.
if [ -n "${CALLER:-}" ]; then
  vgpu-smi trace "$CALLER" -c 40 >/tmp/trace 2>/dev/null
  check "its calls can be traced" [ "$(wc -l </tmp/trace)" -eq 40 ]
  check "with their arguments" grep -q 'cuMemAlloc_v2(bytesize=4096) -> dptr=0x' /tmp/trace
  check "and errors" grep -q 'cuMemFree_v2(.*) = 1 CUDA_ERROR_INVALID_VALUE' /tmp/trace
  sed 's/^/      /' /tmp/trace
  su guest -c "vgpu-smi trace $CALLER -c 1" >/tmp/trace 2>&1
  check "but not by another user" [ $? -eq 4 ]
  check "who is told why" grep -q "is another user's" /tmp/trace
  vgpu-smi stats "$CALLER" >/tmp/stats
  check "stats names the call that nobody carries" grep -q 'cuDestroyExternalSemaphore .* times' /tmp/stats
  exit $failed
fi

echo 'guest:x:1000:1000::/:/bin/sh' >>/etc/passwd
holder 48 /bin/sh /root/guest/smi.sh || failed=1
caller /bin/sh /root/guest/smi.sh || failed=1

# A program that a trace starts, of an ordinary user. It stops the tracer until its calls are made, so that they are seen only
# where the trace was there before them.
cat >/tmp/traced.sh <<'END'
export TRACER=$PPID
kill -STOP $TRACER
exec $1 4 /bin/sh -c 'kill -CONT $TRACER; exit 7'
END
trace_of() { su guest -c "vgpu-smi trace -- /bin/sh /tmp/traced.sh $1" >/tmp/trace 2>&1; }
trace_of holder
check "a program that a trace starts gives its status" [ $? -eq 7 ]
check "and is seen from its first call on" sh -c 'grep "  cu" /tmp/trace | head -n 1 | grep -q cuDevicePrimaryCtxRetain && grep -q cuMemAlloc_v2 /tmp/trace'
sed 's/^/      /' /tmp/trace
cp /usr/local/bin/holder /usr/local/bin/roots-holder && chmod 4755 /usr/local/bin/roots-holder
trace_of roots-holder
check "one that takes another user's rights runs" [ $? -eq 7 ]
check "but its calls are not shown" sh -c '! grep -q "  cu" /tmp/trace'
vgpu-smi trace -- roots-holder 4 /bin/true >/tmp/trace 2>&1
check "except to root" grep -q cuMemAlloc_v2 /tmp/trace

nothing_held() { [ "$(vgpu-smi --query-gpu=memory.used --format=csv,noheader,nounits)" = 0 ]; }
check "when it has ended, nothing is held" eventually 30 nothing_held
check "and no process is left" [ -z "$(vgpu-smi --query-compute-apps=pid --format=csv,noheader)" ]
check "the doctor is content" sh -c "vgpu-smi doctor >/dev/null"
chmod 600 /dev/vgpu0
su guest -c 'vgpu-smi doctor' >/tmp/doctor
check "a user who may not open the device is told how to" grep -q '60-vgpu.rules' /tmp/doctor
su guest -c 'vgpu-smi -L' >/dev/null 2>&1
check "and gets the status for it" [ $? -eq 4 ]
exit $failed
