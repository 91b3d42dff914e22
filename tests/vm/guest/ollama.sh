# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# An unmodified libggml-cuda.so on the device: what Ollama does before and while it generates. ollama.sh DIGEST COMPUTE
# LOGS_GRAPHS TYPE...: the digest of the first type's run outside of a guest, the device's compute capability there, yes if
# the backend's log says when a graph is launched again, and the weights of the models in /root/ggml. Beside each lie the
# CPU backend's numbers and the tokens that it chose, which the runs here follow.
. /root/guest/support.sh
ggml=/root/ggml expected=$1 compute=$2 logs_graphs=$3
shift 3
first=$1
# Ollama puts its own libraries first; the driver is the system's.
export LD_LIBRARY_PATH=$ggml GGML_NO_BACKTRACE=1
harness="$ggml/harness --json"

# generate NAME TYPE [OPTION...] leaves what it prints in /tmp/NAME, the libraries' log and the numbers beside it.
generate() {
  name=$1 type=$2
  shift 2
  $harness --verbose generate --backend $ggml --model $ggml/$type.gguf --chunk 8 --logits /tmp/$name.f32 "$@" >/tmp/$name 2>/tmp/$name.log
}
follow() { generate "$1" "$2" --follow "$(cat $ggml/"$2".follow)"; }
computes() { grep -q "\"logits\":\\[\"$expected\"\\]" "/tmp/$1"; }
text_of() { sed -n 's/.*"text":"\(.*\)","tokens".*/\1/p' "/tmp/$1"; }
same_text() { [ -n "$(text_of run1)" ] && [ "$(text_of run1)" = "$(text_of run2)" ] && [ "$(text_of run1)" = "$(text_of run3)" ]; }
# Kernels that programs of this guest have launched so far, by the daemon's count.
launches() { $ggml/vgpu-smi stats --json | sed -n '/"totals"/,$s/.*"launches": \([0-9]*\).*/\1/p'; }

check "the driver answers" sh -c "$harness probe >/tmp/probe && cat /tmp/probe"
check "one device, compute capability $compute" grep -q "\"compute\":\"$compute\".*\"driver\":13" /tmp/probe
for shown in 0:1 -1:0; do
  CUDA_VISIBLE_DEVICES=${shown%:*} GGML_CUDA_INIT=1 $harness list --backend $ggml >/tmp/list 2>/tmp/list.log
  check "CUDA_VISIBLE_DEVICES=${shown%:*}: ${shown#*:} devices" test "$(grep -o '"CUDA[0-9]*"' /tmp/list | wc -l)" = "${shown#*:}"
done

# Discovery starts several probes at once, and gives them 30 s.
begin=$(date +%s)
for probe in 1 2 3 4; do timeout 30 $harness list --backend $ggml >/tmp/list$probe 2>&1 & done
wait
check "four probes at once found the device, in $(($(date +%s) - begin)) s of 30" test "$(grep -l '"CUDA0"' /tmp/list? | wc -l)" = 4

# What must not matter does not.
for run in 1 2 3; do
  before=$(launches)
  follow run$run "$first"
  check "run $run generates" test $? -eq 0
  check "run $run computes what it does outside of the guest" computes run$run
  check "run $run: all layers on the GPU" grep -q 'offloaded 5/5 layers to GPU' /tmp/run$run.log
  check "run $run: $(($(launches) - before)) launches" test "$(($(launches) - before))" -gt 16
done
grep -o '"tokens":[^]]*]' /tmp/run3 | sed 's/^/      /'
grep 'CUDA0.*buffer size =' /tmp/run3.log | sed 's/^/      /'
check "the same text in three runs" same_text
[ "$logs_graphs" = no ] || check "graphs were launched again" grep -q 'CUDA Graph id .* reused' /tmp/run3.log
GGML_CUDA_DISABLE_GRAPHS=1 follow eager "$first"
check "without graphs it computes the same" computes eager
check "and there were none" sh -c "! grep -q 'CUDA Graph id' /tmp/eager.log"
LD_PRELOAD=$ggml/no-vmm.so follow plain "$first"
check "without virtual memory management it computes the same" computes plain
check "which it says" grep -q 'VMM: no' /tmp/plain.log
check "and otherwise it was there" grep -q 'VMM: yes' /tmp/run3.log

# 16 tokens and the prompt, 288 numbers each.
for type in "$@"; do
  [ "$type" = "$first" ] || follow "$type" "$type"
  check "$type: generates" test $? -eq 0
  [ "$type" = "$first" ] && numbers=/tmp/run1.f32 || numbers=/tmp/$type.f32
  check "$type: as the CPU backend, within 1e-2 of the widest number" sh -c "$harness compare --tolerance 1e-2 $ggml/$type.f32 $numbers >/tmp/compare 2>&1"
  sed 's/^/      /' /tmp/compare
done

# Ollama kills its probes as soon as it has read what it wants.
for moment in 1 2 3; do
  $harness --verbose generate --backend $ggml --model $ggml/"$first".gguf --tokens 400 >/tmp/killed 2>&1 &
  victim=$!
  eventually 600 grep -q 'found 1 CUDA' /tmp/killed
  sleep $((moment - 1))
  kill -9 $victim
  wait $victim 2>/dev/null
done
check "nothing is held after three were killed" eventually 100 holds_nothing
follow after "$first"
check "the next one computes the same" computes after
show_counters
exit $failed
