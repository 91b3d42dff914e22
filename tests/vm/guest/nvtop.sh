# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# Debian's nvtop on a terminal of its own, beside a program that holds memory; with SHOW_SCREEN, what it drew.
. /root/guest/support.sh

if [ -n "${HOLDER:-}" ]; then
  export TERM=xterm TERMINFO=/opt/nvtop/terminfo LD_LIBRARY_PATH=/opt/nvtop
  script -qec 'stty rows 32 cols 110; timeout -s INT 4 nvtop' /dev/null >/tmp/screen </dev/null
  unset LD_LIBRARY_PATH
  check "nvtop shows the card" grep -aq 'vGPU software device' /tmp/screen
  check "and the memory in use" grep -aq '0\.047Gi/' /tmp/screen
  check "and the program, by its number" grep -aqE "(^|[^0-9])$HOLDER " /tmp/screen
  check "with its memory" grep -aq '48MiB' /tmp/screen
  [ -z "${SHOW_SCREEN:-}" ] || base64 /tmp/screen | sed 's/^/      screen /'
  exit $failed
fi

holder 48 /bin/sh /root/guest/nvtop.sh || failed=1
exit $failed
