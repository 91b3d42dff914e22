# SPDX-License-Identifier: Apache-2.0
# A guest as its user has it: udev loads the module, and programs are services of systemd's, of a user of their own, more or
# less confined. Where npm can fetch it, ggml's backend generates there, too, as Ollama's runner does (docs/ollama.md).

# The backend behind directories like those of Ollama's installation: its own libraries in cuda_v13, the rest above.
service_files() {
  ollama_files
  mkdir -p lib/ollama/cuda_v13
  local file
  for file in ggml/*; do
    case $file in
      *libggml-cuda.so | *libcudart* | *libcublas*) ln -s "$(readlink -f "$file")" lib/ollama/cuda_v13/ ;;
      *) ln -s "$(readlink -f "$file")" lib/ollama/ ;;
    esac
  done
  ollama_reference q4_0
  ln -s "$PWD/ggml/q4_0.gguf" lib/ollama/
}

test_service() {
  local files=() model='' code
  "$HERE/../ollama/fetch" cuda13
  code=$?
  if [[ $code -eq 77 ]]; then
    echo "      skipped: ggml's backend in a service: no npm"
  else
    check "the backend is fetched" test $code -eq 0 || return
    service_files
    model=$(<ggml/q4_0.follow)
    files=(--file "$PWD/lib/ollama:/usr/local/lib/ollama" --memory 4G)
  fi
  # As make guest_install puts them; the module is for modprobe, which is udev's to call.
  guest_with_smi --systemd --no-module --timeout 300 ${files[@]+"${files[@]}"} \
    --file "$HERE/../../packaging/udev/60-vgpu.rules:/etc/udev/rules.d/60-vgpu.rules" -- sh /root/guest/service.sh "$model"
  check "programs as services in a guest" test $? -eq 0
}
