# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
# Does what the host says, a line each: run COMMAND..., start COMMAND... (in the background), wait, exit. Answers each with
# "done STATUS"; for wait that is the status of the last command started.
echo "steered"
while read -r verb rest; do
  case $verb in
    run) sh -c ". /root/guest/support.sh; $rest" </dev/null; echo "done $?" ;;
    start) sh -c "$rest" </dev/null >/tmp/started 2>&1 & started=$!; echo "done 0" ;;
    wait) wait "$started"; status=$?; cat /tmp/started; echo "done $status" ;;
    exit) exit "${rest:-0}" ;;
  esac
done
exit 1
