# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# In a program that holds 16 MiB, while one of the host holds 8 of the same daemon's.
. /root/guest/support.sh
open_are() { vgpu-smi stats --json | grep -q "\"sessions_open\": $1"; }
echo "holding $HOLDER"
check "the host's program is counted" eventually 60 open_are 2
check "but is none of the VM's processes" [ "$(vgpu-smi --query-compute-apps=pid,used_memory --format=csv,noheader,nounits)" = "$HOLDER, 16" ]
vgpu-smi stats --json >/tmp/stats
check "and the VM does not learn its name" sh -c '! grep -q "\"name\": \"holder\"" /tmp/stats'
echo looked
check "this program outlives it" eventually 60 open_are 1
exit $failed
