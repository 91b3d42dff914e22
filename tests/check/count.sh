# SPDX-License-Identifier: Apache-2.0
# Sourced by tests that are a list of checks: each prints "ok    TEXT" or "FAIL  TEXT", and `finish` the count.
passed=0 failed=0

# check TEXT COMMAND...: by the command's status.
check() {
  local text=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok    $text"
  else
    failed=$((failed + 1))
    echo "FAIL  $text"
    evidence | sed 's/^/        /'
  fi
}
# What a failed check shows beside: a test may have its own.
evidence() { :; }

# Commands for check, which say themselves what is wrong.
is() { [[ $1 == "$2" ]] || { echo "      '$1' instead of '$2'"; false; }; }
is_not() { [[ $1 != "$2" ]] || { echo "      '$1'"; false; }; }
empty() { [[ -z $1 ]] || { sed 's/^/        /' <<<"$1"; false; }; }

finish() {
  echo "$passed passed, $failed failed"
  [[ $failed -eq 0 && $passed -gt 0 ]]
}
