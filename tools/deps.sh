#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that the project needs and that are missing: deps.sh build|all|vm. "build" is what `make`
# needs, "all" adds what the tests, clang-format and clang-tidy need, "vm" is what guests need. Does nothing, quickly, when
# all is there.
# Works as root, or through sudo; otherwise it prints the command. The CUDA toolkit is not among them: see README.md.
set -u
build='binutils g++ libcli11-dev libdrm-dev libfmt-dev liblz4-dev libseccomp-dev libsystemd-dev libzstd-dev make nlohmann-json3-dev'
check='bsdutils catch2 clang-14 clang-format-14 clang-tidy-14 debian-archive-keyring gcc-12-offload-nvptx git procps python3'
vm='debian-archive-keyring procps util-linux'
case ${1:-} in
  build) wanted=$build ;;
  all) wanted="$build $check" ;;
  vm) wanted=$vm ;;
  *) echo "usage: deps.sh build|all|vm" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
  echo "This is no Debian system. Needed, by their names in Debian 12: $wanted" >&2
  exit 0
fi
installed=" $(dpkg-query -W -f='${db:Status-Abbrev}${Package}\n' | sed -n 's/^ii //p' | paste -sd' ') "
missing=
for package in $wanted; do
  [[ $installed == *" $package "* ]] || missing+=" $package"
done
[[ -n $missing ]] || exit 0

echo "  DEPS$missing" >&2
as_root=
if [[ $(id -u) -ne 0 ]]; then
  # Without a terminal nobody could answer sudo's question.
  [[ -t 0 ]] && as_root=sudo || as_root='sudo -n'
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { $as_root apt-get -q update && $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing; } >"$log" 2>&1 </dev/null; then
  cat "$log" >&2
  echo "These packages could not be installed. As root: apt-get update && apt-get install$missing" >&2
  exit 1
fi
