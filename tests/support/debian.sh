# SPDX-License-Identifier: Apache-2.0
# Packages of a Debian release that is not this machine's, for scripts that unpack them beside a test: to be sourced.
# apt has lists, cache and status of its own in DIR and does not look at what is installed; nothing is installed.

retry() {
  local try
  for try in 1 2 3; do
    "$@" && return 0
    echo "attempt $try of 3 failed: $*"
    sleep $((try * 2))
  done
  return 1
}

# The Debian mirror that this machine uses; DEBIAN_MIRROR names another.
debian_mirror() {
  local sites='apt-get indextargets --format $(SITE)'
  if [[ -n ${DEBIAN_MIRROR:-} ]]; then
    echo "$DEBIAN_MIRROR"
  elif ! { $sites 'Identifier: Packages' 'Label: Debian' | sort -u | grep -m 1 .; }; then
    # Without downloaded lists apt knows no labels.
    $sites 'Identifier: Packages' | sort -u | grep -v security | grep -m 1 '/debian/*$'
  fi
}

# debian_apt DIR get|cache ARGUMENT...
debian_apt() {
  local dir=$1 tool=apt-$2
  shift 2
  "$tool" -q -o APT::Architecture=amd64 -o APT::Architectures::=amd64 -o Dir::Etc::SourceList="$dir/sources.list" \
    -o Dir::Etc::SourceParts=/dev/null -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
    -o Dir::State="$dir" -o Dir::State::status="$dir/status" -o Dir::Cache="$dir/cache" -o Dir::Log="$dir" \
    -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false -o APT::Get::Assume-Yes=true "$@"
}

# debian_lists DIR "SUITE COMPONENT..."...: the package lists of these suites, anew.
debian_lists() {
  local dir=$1 url suite key=/usr/share/keyrings/debian-archive-keyring.gpg
  shift
  url=$(debian_mirror) || true
  if [[ -z $url ]]; then
    echo "apt knows no Debian mirror here: set DEBIAN_MIRROR" >&2
    return 1
  fi
  rm -rf "$dir"
  mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
  : >"$dir/status"
  for suite in "$@"; do echo "deb [signed-by=$key] $url $suite"; done >"$dir/sources.list"
  retry debian_apt "$dir" get update --error-on=any
}
