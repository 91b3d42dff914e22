# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# An unmodified libggml-cuda.so on the device: what Ollama does before and while it generates. $1: the digest of the same
# run outside of a guest, $2: the tokens that it followed, $3: the device's compute capability there,
# $4: yes, if the backend's log says when a graph is launched again.
. /root/guest/support.sh
ggml=/root/ggml
# Ollama puts its own libraries first; the driver is the system's.
export LD_LIBRARY_PATH=$ggml GGML_NO_BACKTRACE=1
harness="$ggml/harness --json"
generate="$harness --verbose generate --backend $ggml --model $ggml/tiny.gguf"

check "the driver answers" sh -c "$harness probe >/tmp/probe && cat /tmp/probe"
check "one device, compute capability $3" grep -q "\"compute\":\"$3\".*\"driver\":13" /tmp/probe
for shown in 0:1 -1:0; do
  CUDA_VISIBLE_DEVICES=${shown%:*} GGML_CUDA_INIT=1 $harness list --backend $ggml >/tmp/list 2>/tmp/list.log
  check "CUDA_VISIBLE_DEVICES=${shown%:*}: ${shown#*:} devices" test "$(grep -o '"CUDA[0-9]*"' /tmp/list | wc -l)" = "${shown#*:}"
done

for run in 1 2; do
  $generate --follow "$2" >/tmp/run 2>/tmp/log
  check "run $run generates" test $? -eq 0
  grep -o '"text":.*\|"tokens":[^]]*]' /tmp/run | sed 's/^/      /'
  check "run $run computes what it does outside of the guest" grep -q "\"logits\":\\[\"$1\"\\]" /tmp/run
  check "run $run: all layers on the GPU" grep -q 'offloaded 5/5 layers to GPU' /tmp/log
done
grep 'CUDA0.*buffer size =' /tmp/log | sed 's/^/      /'
[ "$4" = no ] || check "graphs were launched again" grep -q 'CUDA Graph id .* reused' /tmp/log

# Ollama kills its probes as soon as it has read what it wants.
for moment in 1 2 3; do
  $generate --tokens 400 >/tmp/killed 2>&1 &
  victim=$!
  eventually 600 grep -q 'found 1 CUDA' /tmp/killed
  sleep $((moment - 1))
  kill -9 $victim
  wait $victim 2>/dev/null
done
check "nothing is held after three were killed" eventually 100 holds_nothing
$generate --follow "$2" >/tmp/run 2>/tmp/log
check "the next one computes the same" grep -q "\"logits\":\\[\"$1\"\\]" /tmp/run
show_counters
exit $failed
