# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# The guest has a second memory backend, a small one, whose pages are taken first. Programs run while it fills up; one of
# them gets pages of both, which the device refuses. That program must get an error at once.
for state in /sys/devices/system/memory/memory*/state; do
  grep -q offline "$state" && echo online >"$state" 2>/dev/null
done
for fill in $(seq 30); do
  timeout 20 vm-client work 0 >/tmp/output 2>&1
  status=$?
  if [ $status -ne 0 ]; then
    cat /tmp/output
    echo "status $status"
    exit 0
  fi
  dd if=/dev/zero of=/dev/shm/fill$fill bs=1M count=8 2>/dev/null
done
echo "no program got pages of both backends"
