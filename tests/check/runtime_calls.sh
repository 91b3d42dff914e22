#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every call of both runtime libraries is made by a test in tests/runtime or by a sample in tests/programs. Prints those
# that none makes, and fails unless they are the ones that are left out here. tests/runtime/wrong makes all of them, but
# with wrong arguments only, and does not count.
set -u
left_out='^cuda(GL|VDPAU|EGL|Graphics)|^cudaEventCreateFromEGLSync$'                      # graphics
left_out+='|^cudaDeviceGetNvSciSyncAttributes$'                                           # other vendors' buffers
left_out+='|^__cuda'                                                                    # nvcc's code calls them, or nobody

exported=$(sed -E '/^#/d; s/_pt(ds|sz)$//' libcuda/cudart/exports.lock libcuda/cudart12/exports.lock | sort -u)
made=$(grep -rhoE --include='*.tests.cpp' --include='*.cu' --include=fixture.h --include=graph.h '\b(old_|__)?cuda[A-Z]\w+' \
  tests/runtime tests/programs | sed 's/^old_//' | sort -u)
none=$(comm -23 <(echo "$exported") <(echo "$made"))
unexpected=$(grep -vE "$left_out" <<<"$none")
sed 's/^/FAIL  no test calls /' <<<"$unexpected" | grep -v 'calls $'
echo "$(comm -12 <(echo "$exported") <(echo "$made") | wc -l) calls are made by tests, $(grep -cE "$left_out" <<<"$none") are left out"
[[ -z $unexpected ]]
