#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares cuGetErrorName and cuGetErrorString of every number natively and through us, whose texts come from the toolkit.

usage: error_texts.py BUILD_DIR [DRIVER]      DRIVER is vgpu-run's, nvidia unless said otherwise

Prints what differs, then "N passed, M failed". Exit status 0 when all are equal, 1 when not, 2 for wrong use.
"""
import subprocess
import sys

NUMBERS = 1100
TELL = f"""
import ctypes
driver = ctypes.CDLL("libcuda.so.1")
for number in range({NUMBERS}):
    for call in ("cuGetErrorName", "cuGetErrorString"):
        text = ctypes.c_char_p()
        code = getattr(driver, call)(number, ctypes.byref(text))
        print(call, number, code, text.value)
"""


def ask(command):
    done = subprocess.run(command + [sys.executable, "-c", TELL], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()[-300:]}")
    return done.stdout.splitlines()


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    native = ask([])
    ours = ask([sys.argv[1] + "/bin/vgpu-run", "--driver", sys.argv[2] if len(sys.argv) == 3 else "nvidia", "--"])
    differ = [(one, other) for one, other in zip(native, ours) if one != other]
    for one, other in differ:
        print(f"FAIL: natively {one}; through us {other}")
    good = sum(1 for line in native if " 0 b'" in line)
    bad = len(differ) + (good < 150) + (len(native) != len(ours))
    print(f"{len(native) - len(differ)} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
