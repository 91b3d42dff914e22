#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what cuGetProcAddress answers natively and through us, for every name, version and flag.

usage: proc_addresses.py BUILD_DIR STUB

STUB is the toolkit's libcuda.so, whose names are asked, with and without their suffixes. Needs an NVIDIA GPU. Prints the
answers that differ, then "N passed, M failed". Exit status 0 when all are equal, 1 when not, 2 for wrong use.
"""
import re
import subprocess
import sys


def names_of(stub):
    """Each exported name, and what a program would ask for to get it."""
    text = subprocess.run(["nm", "-D", "--defined-only", stub], capture_output=True, text=True, check=True).stdout
    exported = {line.split()[-1].split("@")[0] for line in text.splitlines()}
    exported = {name for name in exported if name.startswith("cu")}
    bare = {re.sub(r"(_v[0-9]+)?(_ptds|_ptsz)?$", "", name) for name in exported}
    return sorted(exported | bare)


def ask(command, names):
    done = subprocess.run(command, input="\n".join(names), capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    answers = {}
    for line in done.stdout.splitlines():
        name, version, flags, status, found, symbols = line.split()
        answers[name, int(version), int(flags)] = (int(status), int(found), frozenset(symbols.split(",")))
    return answers


def equal(native, ours):
    """One function can have several names; one of them in common is enough."""
    return native[:2] == ours[:2] and bool(native[2] & ours[2])


def main():
    if len(sys.argv) != 3:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    build, stub = sys.argv[1:]
    binary = f"{build}/tests/gpu/proc_addresses"
    names = names_of(stub)
    native = ask([binary], names)
    ours = ask([f"{build}/bin/vgpu-run", "--driver", "nvidia", "--", binary], names)
    differ = [key for key in native if not equal(native[key], ours[key])]
    for key in differ:
        print(*key, "native", native[key][0], native[key][1], ",".join(sorted(native[key][2])), "ours", ours[key][0],
              ours[key][1], ",".join(sorted(ours[key][2])))
    print(f"{len(native) - len(differ)} passed, {len(differ)} failed")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
