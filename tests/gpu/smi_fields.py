#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares every field of --query-gpu: NVIDIA's tool, ours on NVIDIA's library, and ours on our library through vgpud.

usage: smi_fields.py BUILD_DIR

Needs an NVIDIA GPU and its nvidia-smi. Prints the fields that differ, and a count. Exit status 0; 2 for wrong use.
"""
import csv
import io
import os
import re
import subprocess
import sys


def fields_of(smi):
    text = subprocess.run([smi, "--help-query-gpu"], capture_output=True, text=True).stdout
    return re.findall(r'^"([a-z0-9_.]+)"', text, re.M)


def ask(command, fields):
    """The first card's values by field; fields that the tool does not know are left out."""
    fields = list(fields)
    while fields:
        run = subprocess.run([*command, "--query-gpu=" + ",".join(fields), "--format=csv,noheader"], capture_output=True, text=True)
        unknown = re.search(r'Field "([^"]+)" is not a valid field', run.stdout + run.stderr)
        if unknown and unknown.group(1) in fields:
            fields.remove(unknown.group(1))
            continue
        rows = list(csv.reader(io.StringIO(run.stdout), skipinitialspace=True))
        return dict(zip(fields, rows[0])) if rows else {"error": run.stdout + run.stderr}
    return {}


def main():
    if len(sys.argv) != 2 or not os.path.exists(sys.argv[1] + "/bin/vgpu-smi"):
        print(__doc__, file=sys.stderr)
        return 2
    build = sys.argv[1]
    smi = build + "/bin/vgpu-smi"
    fields = fields_of(smi)
    known = ask(["nvidia-smi"], fields)
    native = ask([smi], fields)
    ours = ask([build + "/bin/vgpu-run", "--driver", "nvidia", "--", smi], fields)
    equal = 0
    for field in fields:
        values = [answers.get(field, "(no such field)") for answers in (known, native, ours)]
        if len(set(values)) == 1:
            equal += 1
        else:
            print(f"{field}: nvidia-smi {values[0]!r}, ours on NVIDIA's library {values[1]!r}, through us {values[2]!r}")
    for name, answers in (("nvidia-smi", known), ("ours on NVIDIA's library", native), ("through us", ours)):
        if "error" in answers:
            print(f"{name}: {answers['error'].strip()}")
    print(f"{equal} of {len(fields)} fields equal")
    return 0


if __name__ == "__main__":
    sys.exit(main())
