# SPDX-License-Identifier: Apache-2.0
# ggml's CUDA backend, as others built it, in a guest (docs/ollama.md). The guest's memory holds NVIDIA's cuBLAS, too, so
# that the backend can be loaded: 800 MB. OLLAMA_PART is a backend of tests/ollama/fetch, OLLAMA_TYPES the weights; the first
# of them is the one of which the most is asked.

ollama_part=${OLLAMA_PART:-cuda13}
read -ra ollama_types <<<"${OLLAMA_TYPES:-q4_0 q8_0 q4_k f16}"

ollama_files() {
  local top=$HERE/../.. from file
  mkdir ggml
  for file in libggml-base.so 'libggml.*.so' 'libllama.*.so' libggml-cuda.so libggml-cpu-x64.so libggml-cpu-haswell.so; do
    for from in "$top/build/ollama/$ollama_part"/$file; do ln -s "$from" ggml/; done
  done
  for file in libcudart.so.13 libcublas.so.13 libcublasLt.so.13; do ln -s "${CUDA_HOME:-/usr/local/cuda}/lib64/$file" ggml/; done
  for file in harness no-vmm.so; do ln -s "$BUILD/tests/ollama/$file" ggml/; done
  ln -s "$BUILD/bin/vgpu-smi" ggml/
}

# One model's reference: what the CPU backend makes of it, here, and which tokens it chose.
ollama_reference() {
  local type=$1
  "$BUILD/tests/ollama/tiny-gguf" "$PWD/ggml/$type.gguf" "$type"
  LD_LIBRARY_PATH=$PWD/ggml ggml/harness --json generate --backend ggml --device cpu --model "ggml/$type.gguf" --chunk 8 \
    --logits "ggml/$type.f32" >"$type.cpu"
  sed 's/"prompt_tokens":[^]]*],//' "$type.cpu" | sed -n 's/.*"tokens":\[\([0-9,]*\)\].*/\1/p' >"ggml/$type.follow"
}

test_ollama() {
  local code expected compute logs_graphs type first=${ollama_types[0]}
  "$HERE/../ollama/fetch" "$ollama_part"
  code=$?
  [[ $code -ne 77 ]] || { echo "      skipped: no npm"; return; }
  check "the backend is fetched" test $code -eq 0 || return
  ollama_files
  for type in "${ollama_types[@]}"; do ollama_reference "$type"; done
  LD_LIBRARY_PATH=$PWD/ggml "$BUILD/bin/vgpu-run" --driver "${DRIVER:-soft}" -- ggml/harness --json generate --backend ggml \
    --model "ggml/$first.gguf" --chunk 8 --follow "$(<"ggml/$first.follow")" >host
  expected=$(sed -n 's/.*"logits":\["\([0-9a-f]*\)"\].*/\1/p' host)
  check "outside of a guest it computes: $expected" test -n "$expected"
  compute=$("$BUILD/bin/vgpu-run" --driver "${DRIVER:-soft}" -- ggml/harness --json probe | sed -n 's/.*"compute":"\([0-9.]*\)".*/\1/p')
  # Older ones do not say when they launch a graph again.
  grep -q 'CUDA Graph id' ggml/libggml-cuda.so && logs_graphs=yes || logs_graphs=no
  guest --memory 4G --timeout 600 --file "$PWD/ggml:/root/ggml" -- sh /root/guest/ollama.sh "$expected" "$compute" $logs_graphs "${ollama_types[@]}"
  check "ggml's CUDA backend in a guest" test $? -eq 0
}
