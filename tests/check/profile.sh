#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What bench/profile.py says of a program: profile.sh BUILD_DIRECTORY PROGRAM, which keeps a GPU busy for a while and is run
# on the software GPU.
set -u
. "$(dirname "$(readlink -f "$0")")/count.sh"
build=$(readlink -f "$1") program=$2
output=$(mktemp -d)
trap 'rm -rf "$output"' EXIT
profile() { LD_LIBRARY_PATH=$build/soft bench/profile.py --build "$build" "$@" >"$output/said" 2>"$output/errors"; }

evidence() { cat "$output/said" "$output/errors"; }
said() { grep -qE "$1" "$output/said"; }
# Threads but the program's own first one, which has the number of the process.
other_threads() { awk '/, thread /{gsub(/[,:]/, ""); if ($2 != $4) ++n} END {exit n == 0}' "$output/said"; }

check "a program runs as without it" profile --keep "$output/kept" "$program"
check "the software GPU's threads are seen" other_threads
check "functions have their names" said '%  .*vgpu::soft::.*\.(cpp|h)\)$'
mv "$output/said" "$output/first"
check "samples that were kept can be read again" profile --read "$output/kept"
check "the report is the same then" diff -q <(grep -A99 ', thread ' "$output/first") <(grep -A99 ', thread ' "$output/said")
# The worker is one for NVIDIA's driver, whose part the software GPU takes.
profile "$build/bin/vgpu-run" --driver nvidia -- "$program"
check "the functions of a sealed worker have their names" said '%  .*vgpu::soft::.*\.(cpp|h)\)$'
status_of() { profile "$@"; echo $?; }
# As libraries start their own threads.
blocked='import signal, threading
signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())
threading.Thread(target=lambda: sum(range(20_000_000))).start()'
profile python3 -c "$blocked"
check "a thread with all signals blocked is seen" other_threads
check "the exit status is the program's" test "$(status_of sh -c 'exit 3')" = 3
check "a program that takes no time is told apart" test "$(status_of true)" = 2
finish
