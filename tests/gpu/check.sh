#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# make gpu-check: the same test binaries on NVIDIA's driver in three ways: natively, which proves the tests; over the
# socket, through a ring and a worker; and in a guest, through QEMU and the module. check.sh BUILD_DIR [LOG_DIR]. A table
# comes last; the exit code says whether all passed. ONLY is an extended regular expression that picks steps by name;
# DRIVER=soft rehearses it without a card; GUEST_ARGS are further options of tests/gpu/vm. Where there are processors enough,
# two guests and two lanes of steps run side by side; steps that look at the card as a whole have it to themselves. ALL=1 adds the
# runtime libraries' wrong calls, whose hundreds of processes want a context each (minutes).
set -u
build=$(readlink -f "$1")
logs=${2:-$build/gpu-check}
driver=${DRIVER:-nvidia}
here=$(dirname "$(readlink -f "$0")")
native=()
[[ $driver = nvidia ]] || native=(env "LD_LIBRARY_PATH=$build/$driver${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")
socket=("$build/bin/vgpu-run" --driver "$driver" --)
read -ra guest_args <<<"${GUEST_ARGS:-}"
mkdir -p "$logs"
tables=$logs/tables
rm -rf "$tables"
mkdir "$tables"

# step NAME COMMAND...: runs it, keeps what it prints, adds a line to its lane's table.
step() {
  local name=$1 begin code last
  shift
  [[ $name =~ ${ONLY:-.} ]] || return
  begin=$(date +%s)
  echo "  ${name}..."
  "$@" >"$logs/${name// /-}.log" 2>&1
  code=$?
  last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$logs/${name// /-}.log" | tail -n 1)
  if [[ $code -ne 0 ]]; then
    grep -E '^(FAIL|run:)' "$logs/${name// /-}.log" | sed 's/^/    /' | head -n 20
  fi
  printf '%-32s %-5s %-26s %4d s\n' "$name" "$([[ $code -eq 0 ]] && echo ok || echo FAIL)" "${last:-code $code}" \
    $(($(date +%s) - begin)) >>"$tables/$lane"
}

# guest PART: in a guest of its own, whose messages are kept.
guest() {
  step "$1 guest" "$here/vm" "$build" --driver "$driver" --keep-log "$logs/$1-guest" ${guest_args[@]+"${guest_args[@]}"} "$1"
}

[[ $driver != nvidia ]] || nvidia-smi -L 2>/dev/null || { echo "gpu-check: no NVIDIA GPU here (nvidia-smi -L lists none)" >&2; exit 3; }
export LIMIT=${LIMIT:-200}
# Some cases give the driver broken code, which NVIDIA's does not survive (tests/runtime/bad_input.tests.cpp).
cases=()
[[ $driver = soft ]] || cases=('~[soft]~[.]')
# Our runtime libraries beside NVIDIA's, natively and through a ring: exports, samples, contract, wrong calls, texts of errors.
# What the machine has not, is not compared.
runtimes() {
  local release=$1 theirs=$2 programs=$3 contract=$4 wrong=$5 filter=$6 ours=$build/lib/cudart way
  local -A folder=([native]=${LD_LIBRARY_PATH:-/nowhere} [socket]=$build/lib/guest)
  [[ $driver = nvidia ]] || folder[native]=$build/$driver:${folder[native]}
  # Only where the library at hand is older than ours are there exports of later releases.
  local lock=("LOCK=$top/libcuda/cudart$release/exports.lock")
  [[ -r ${lock[0]#LOCK=} ]] || lock=()
  for way in native socket; do
    local through=()
    [[ $way = native ]] || through=("${socket[@]}")
    [[ ! -d $programs ]] || step "cudart $release samples ours $way" ${through[@]+"${through[@]}"} \
      env "LD_LIBRARY_PATH=$ours:${folder[$way]}" "$here/../programs/run.sh" "$programs"
    [[ ! -x $contract ]] || step "cudart $release contract ours $way" ${through[@]+"${through[@]}"} \
      env "LD_LIBRARY_PATH=$ours:${folder[$way]}" "$here/../check/catch.sh" "$LIMIT" "$contract" "$filter"
    [[ -r $theirs/libcudart.so.$release ]] || continue
    [[ ! -d $programs ]] || step "cudart $release samples alike $way" ${through[@]+"${through[@]}"} \
      env ${lock[@]+"${lock[@]}"} "$here/../check/cudart.sh" "libcudart.so.$release" "$ours" "$theirs" "${folder[$way]}" "$programs"
    # Through the ring what the driver's side of a wrong argument says first is another question.
    [[ -z ${ALL:-} || ! -x $wrong || $way = socket ]] || step "cudart $release wrong calls $way" ${through[@]+"${through[@]}"} env LIMIT=300 \
      "$here/../check/wrong_calls.sh" "$release" "$wrong" "$theirs" "$ours" "${folder[$way]%%:*}"
  done
  [[ ! -r $theirs/libcudart.so.$release || ! -x $contract ]] ||
    step "cudart $release contract theirs" env "LD_LIBRARY_PATH=$theirs:${folder[native]}" "$here/../check/catch.sh" "$LIMIT" "$contract" "$filter~[later]"
}
top=$(readlink -f "$here/../..")
# Both releases in one process.
together() { step "cudart together $1" env "LD_LIBRARY_PATH=$2${native_path:+:$native_path}" "$here/../check/catch.sh" "$LIMIT" "$build/tests/runtime_together"; }
native_path=${LD_LIBRARY_PATH:-}
[[ $driver = nvidia ]] || native_path=$build/$driver${native_path:+:$native_path}

driver_calls() {
  step "contract native" ${native[@]+"${native[@]}"} env "CASES=${cases[*]-}" "$here/../contract/run.sh" "$build/tests/contract"
  step "contract socket" "${socket[@]}" env "CASES=${cases[*]-}" "$here/../contract/run.sh" "$build/tests/contract"
  step "contract socket one process" "${socket[@]}" "$here/../check/catch.sh" 400 "$build/tests/contract" "[contract]${cases[*]-}"
  step "unload native" ${native[@]+"${native[@]}"} "$here/../check/catch.sh" "$LIMIT" "$build/tests/unload"
  step "unload socket" "${socket[@]}" "$here/../check/catch.sh" "$LIMIT" "$build/tests/unload"
  [[ $driver = soft ]] || step "wrong calls" "$here/wrong_calls" "$build"
  local stub=${CUDA_HOME:-/usr/local/cuda}/lib64/stubs/libcuda.so
  [[ $driver = soft || ! -r $stub ]] || step "cuGetProcAddress" "$here/proc_addresses.py" "$build" "$stub"
}

code_and_runtime() {
  step "ptx native" ${native[@]+"${native[@]}"} timeout 300 "$build/tests/ptx" "$here/../ptx"
  step "ptx socket" "${socket[@]}" timeout 300 "$build/tests/ptx" "$here/../ptx"
  step "ptx runner native" ${native[@]+"${native[@]}"} timeout 100 "$here/../check/ptx_runner.sh" "$build/tests/ptx"
  step "ptx forms native" ${native[@]+"${native[@]}"} timeout 300 "$build/tests/ptx_forms" "$here"/../ptx_forms/*.forms
  step "runtime native" ${native[@]+"${native[@]}"} "$here/../check/catch.sh" "$LIMIT" "$build/tests/runtime" ${cases[@]+"${cases[@]}"}
  step "runtime socket" "${socket[@]}" "$here/../check/catch.sh" "$LIMIT" "$build/tests/runtime" ${cases[@]+"${cases[@]}"}
  runtimes 13 "${CUDA_HOME:-/usr/local/cuda}/lib64" "$top/build/programs/shared" "$build/tests/runtime" "$build/tests/wrong_calls" '~[soft]~[.]'
  runtimes 12 "$top/build/cuda12/lib" "$top/build/programs/cudart12" "$build/tests/cudart12/runtime" "$build/tests/cudart12/wrong_calls" '~[since13]~[soft]~[.]'
  together ours "$build/lib/cudart"
  [[ ! -r $top/build/cuda12/lib/libcudart.so.12 || ! -r ${CUDA_HOME:-/usr/local/cuda}/lib64/libcudart.so.13 ]] ||
    together theirs "$top/build/cuda12/lib:${CUDA_HOME:-/usr/local/cuda}/lib64"
  # What the linker makes of two parts, the software GPU takes as PTX.
  local jit_link=("$build/tests/jit_link" ptx) cuda=${CUDA_HOME:-/usr/local/cuda}/lib64
  [[ $driver = soft ]] || jit_link+=(binary)
  [[ ! -r $cuda/libnvJitLink.so ]] || {
    step "nvJitLink native" env "LD_LIBRARY_PATH=${native_path:+$native_path:}$cuda" "${jit_link[@]}"
    step "nvJitLink socket" env "LD_LIBRARY_PATH=$cuda" "${socket[@]}" "${jit_link[@]}"
  }
  [[ $driver = soft ]] || step "texts of errors" "$here/error_texts.py" "$build"
  local kind programs
  for kind in static shared; do
    programs=$here/../../build/programs/$kind
    [[ -d $programs ]] || continue
    step "programs $kind native" ${native[@]+"${native[@]}"} "$here/../programs/run.sh" "$programs"
    step "programs $kind socket" "${socket[@]}" "$here/../programs/run.sh" "$programs"
  done
}

guest_contract() { guest contract; }

guests() {
  guest smoke
  guest ptx
  guest runtime
  guest programs
  DRIVER=$driver BUILD=$build step "faults guest" "$here/../vm/run-tests" short guest_reboot unplug_and_plug worker_killed daemon_killed qemu_killed
}

# What counts memory, processes and readings of the card.
whole_card() {
  [[ $driver = soft ]] || step "nvml native" ${native[@]+"${native[@]}"} "$here/../check/catch.sh" "$LIMIT" "$build/tests/nvml" '[nvml]~[ours]~[soft]'
  step "nvml socket" "${socket[@]}" "$here/../check/catch.sh" "$LIMIT" "$build/tests/nvml" ${cases[@]+"${cases[@]}"}
  if [[ $driver = soft ]]; then
    step "nvml values" "${socket[@]}" "$here/nvml_values.py" "$build" soft
  else
    step "nvml values" env KEEP="$logs/nvml-values" "$here/nvml_values.py" "$build" "$driver"
  fi
  step "1000 processes" env DRIVER="$driver" "$here/many_processes" "$build" "$here/../../build/programs/static/vector_add"
}

lanes=(driver_calls code_and_runtime guests guest_contract)
for lane in "${lanes[@]}"; do
  if [[ $(nproc) -ge 8 ]]; then "$lane" & else "$lane"; fi
done
wait
lane=whole_card
whole_card

for lane in "${lanes[@]}" whole_card; do cat "$tables/$lane" 2>/dev/null; done | tee "$tables/all"
[[ -s $tables/all ]] || { echo "gpu-check: no step is called ${ONLY}" >&2; exit 2; }
! grep -q ' FAIL ' "$tables/all"
