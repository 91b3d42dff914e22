#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Compares our declarations of NVML's types with those of Debian's libnvidia-ml-dev, which lies in its section "non-free"
# and is only fetched and unpacked for this: layout.sh DIRECTORY. The machine's own package lists stay as they are.
set -eu
here=$(dirname "$(readlink -f "$0")")
mkdir -p "$1"
dir=$(readlink -f "$1")
suite=${SUITE:-trixie}
if [[ ! -e $dir/usr/include/nvml.h ]]; then
  mirror=$(apt-get indextargets --format '$(SITE)' 'Identifier: Packages' 'Label: Debian' | sort -u | head -n 1)
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite non-free" >"$dir/sources.list"
  : >"$dir/status"
  options=(-q -o APT::Architecture=amd64 -o "Dir::Etc::SourceList=$dir/sources.list" -o Dir::Etc::SourceParts=/dev/null
    -o "Dir::State::Lists=$dir/lists" -o "Dir::State::status=$dir/status" -o "Dir::Cache=$dir/cache" -o APT::Sandbox::User=root)
  apt-get "${options[@]}" update >"$dir/log" 2>&1 || { cat "$dir/log"; exit 1; }
  (cd "$dir" && apt-get "${options[@]}" download libnvidia-ml-dev >>log 2>&1) || { cat "$dir/log"; exit 1; }
  dpkg-deb -x "$dir"/libnvidia-ml-dev_*.deb "$dir"
fi
g++ -std=c++20 -DVENDOR -isystem "$dir/usr/include" "$here/layout.cpp" -o "$dir/theirs"
g++ -std=c++20 -I"$here/../../include" "$here/layout.cpp" -o "$dir/ours"
diff -u <("$dir/theirs") <("$dir/ours")
echo "$("$dir/ours" | wc -l) passed, 0 failed"
