# SPDX-License-Identifier: Apache-2.0
# ggml's CUDA backend, as others built it, in a guest (docs/ollama.md). The guest's memory holds NVIDIA's cuBLAS, too, so
# that the backend can be loaded: 800 MB. OLLAMA_PART is a backend of tests/ollama/fetch.

ollama_part=${OLLAMA_PART:-cuda13}

ollama_files() {
  local top=$HERE/../.. from file
  mkdir ggml
  for file in libggml-base.so 'libggml.*.so' 'libllama.*.so' libggml-cuda.so libggml-cpu-x64.so libggml-cpu-haswell.so; do
    for from in "$top/build/ollama/$ollama_part"/$file; do ln -s "$from" ggml/; done
  done
  for file in libcudart.so.13 libcublas.so.13 libcublasLt.so.13; do ln -s "${CUDA_HOME:-/usr/local/cuda}/lib64/$file" ggml/; done
  ln -s "$BUILD/tests/ollama/harness" ggml/harness
  "$BUILD/tests/ollama/tiny-gguf" "$PWD/ggml/tiny.gguf" q4_0
}

long_test_ollama() {
  local code expected follow compute logs_graphs
  "$HERE/../ollama/fetch" "$ollama_part"
  code=$?
  [[ $code -ne 77 ]] || { echo "      skipped: no npm"; return; }
  check "the backend is fetched" test $code -eq 0 || return
  ollama_files
  LD_LIBRARY_PATH=$PWD/ggml ggml/harness --json generate --backend ggml --device cpu --model ggml/tiny.gguf >cpu
  follow=$(sed -n 's/.*"tokens":\[\([0-9,]*\)\].*/\1/p' <<<"$(sed 's/"prompt_tokens":[^]]*],//' cpu)")
  LD_LIBRARY_PATH=$PWD/ggml "$BUILD/bin/vgpu-run" --driver "${DRIVER:-soft}" -- ggml/harness --json generate --backend ggml \
    --model ggml/tiny.gguf --follow "$follow" >host
  expected=$(sed -n 's/.*"logits":\["\([0-9a-f]*\)"\].*/\1/p' host)
  check "outside of a guest it computes: $expected" test -n "$expected"
  compute=$("$BUILD/bin/vgpu-run" --driver "${DRIVER:-soft}" -- ggml/harness --json probe | sed -n 's/.*"compute":"\([0-9.]*\)".*/\1/p')
  # Older ones do not say when they launch a graph again.
  grep -q 'CUDA Graph id' ggml/libggml-cuda.so && logs_graphs=yes || logs_graphs=no
  guest --memory 4G --timeout 600 --file "$PWD/ggml:/root/ggml" -- sh /root/guest/ollama.sh "$expected" "$follow" "$compute" $logs_graphs
  check "ggml's CUDA backend in a guest" test $? -eq 0
}
