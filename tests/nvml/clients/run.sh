#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# clients/run.sh BUILD_DIRECTORY: programs that know nothing of us look at the software GPU, while a program holds memory
# on it: nvtop on a terminal, pynvml, gpustat.
set -u
build=$(readlink -f "$1")
here=$(dirname "$(readlink -f "$0")")
. "$here/../../check/count.sh"
"$here/fetch" || exit 1
root=$(readlink -f "$here/../../../build/nvml-clients/root")
out=$(mktemp)
trap 'rm -f "$out"' EXIT
evidence() { tail -n 20 "$out"; }

# Beside a program that holds 48 MiB; $HOLDER is its number.
beside_holder() {
  timeout -k 5 60 env PYTHONPATH="$root/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1 LD_LIBRARY_PATH="$root/lib/x86_64-linux-gnu" \
    "$build/bin/vgpu-run" --driver soft -- "$build/tests/smi/holder" 48 /bin/bash -c "$1" >"$out" 2>&1 </dev/null
}
shows() { grep -aqE -- "$1" "$out"; }

# nvtop has no mode for scripts before 3.2; it draws on a terminal of its own until it is stopped.
beside_holder "export TERM=xterm; script -qec 'stty rows 40 cols 120; timeout --foreground -k 5 -s INT 5 $root/usr/bin/nvtop' /dev/null"
check "nvtop shows the card" shows 'vGPU software device'
check "nvtop shows the memory in use" shows '0\.047Gi/'
check "nvtop shows the program with its memory" shows 'Compute.*48MiB|48MiB'
check "nvtop names the program" shows 'tests/smi/holder'

beside_holder "/usr/bin/python3 $here/getters.py"
check "pynvml's getters answer, or say that there is nothing" test $? -eq 0

beside_holder "echo holder \$HOLDER; /usr/bin/python3 $root/usr/bin/gpustat --no-color --show-pid"
check "gpustat's status" test $? -eq 0
check "gpustat shows the card and its memory" shows 'vGPU software device.*48 / 1[0-9]+ MB'
check "gpustat shows the program" shows "/$(sed -n 's/^holder //p' "$out" | head -n 1)\\(48M\\)"

finish
