# SPDX-License-Identifier: Apache-2.0
# What the scripts that run ggml's CUDA backend share. They are called with O (the build directory) and CUDA_HOME set; a
# check prints "ok    ..." or "FAIL  ..." and the evidence. Each run has a time limit of its own.
ollama=$(readlink -f "${BASH_SOURCE[0]%/*}/../../build/ollama")
harness=$(readlink -f "$O/tests/ollama/harness")
backend=$ollama/cuda13
runtime=$CUDA_HOME/lib64
work=$(mktemp -d /tmp/vgpu-ollama.XXXXXX)
. "${BASH_SOURCE[0]%/*}/../check/count.sh"
# ggml would start a debugger for a failed call.
export GGML_NO_BACKTRACE=1

says() { grep -qE "$1" "$2" || { echo "      no '$1' in:"; tail -n 15 "$2" | sed 's/^/      /'; false; }; }

# A field of the JSON that a run left: `field run '.tokens'` is what jq would print.
field() {
  python3 -c 'import functools, json, sys
value = json.load(open(sys.argv[1]))
for key in sys.argv[2].split("."): value = value[int(key)] if key.lstrip("-").isdigit() else value[key]
print(value if isinstance(value, str) else json.dumps(value, separators=(",", ":")))' "$work/$1.json" "$2" 2>/dev/null || echo missing
}

# On the CPU backend, the reference. run_cpu NAME TYPE [OPTION...]
run_cpu() {
  local name=$1 type=$2
  shift 2
  timeout 60 "$harness" --json generate --backend "$backend" --device cpu --model "$ollama/tiny-$type.gguf" \
    --logits "$work/$name.f32" "$@" >"$work/$name.json" 2>"$work/$name.log"
}
# Through the ring, on a worker with the software GPU: run_ring NAME TYPE [OPTION...]. Variables go through.
run_ring() {
  local name=$1 type=$2
  shift 2
  LD_LIBRARY_PATH=$runtime timeout "${LIMIT:-120}" "$O/bin/vgpu-run" --driver soft --stats -- "$harness" --verbose --json generate \
    --backend "$backend" --model "$ollama/tiny-$type.gguf" --logits "$work/$name.f32" "$@" >"$work/$name.json" 2>"$work/$name.log"
}
compare() { # compare NAME NAME TOLERANCE
  "$harness" --json compare --tolerance "$3" "$work/$1.f32" "$work/$2.f32" >"$work/compare" 2>&1 || { sed 's/^/      /' "$work/compare"; false; }
}
launches() { awk '$1 == "launches" { print $2 }' "$work/$1.log"; }
