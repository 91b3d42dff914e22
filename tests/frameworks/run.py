#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs each case natively and through us, and compares what both print, bit for bit.

usage: run.py [--build DIR] [--logs DIR] [--timeout SECONDS] [--through COMMAND] [CASE...]

"Through us" is `vgpu-run --driver nvidia`; --through 'tests/gpu/own-root --' runs the cases in a guest instead.

Needs an NVIDIA GPU and whatever frameworks the cases import; a case whose framework is missing is skipped. Prints a
table in Markdown. Exit status: 0 all equal, 1 some differ, 2 wrong use.
"""
import argparse
import os
import pathlib
import shlex
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent


def run(command, log, timeout):
    """Returns (status, seconds); what the command printed is in LOG.out and LOG.err."""
    begin = time.time()
    with open(f"{log}.out", "w") as out, open(f"{log}.err", "w") as err:
        try:
            status = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=timeout).returncode
        except subprocess.TimeoutExpired:
            status = "timed out"
    return status, time.time() - begin


def judge(native, ours, log):
    if native[0] == "timed out" or ours[0] == "timed out":
        return f"timed out (native {native[0]}, ours {ours[0]})"
    missing = "ModuleNotFoundError" in pathlib.Path(f"{log}.native.err").read_text()
    if native[0] != 0:
        return "skipped: not installed" if missing else f"native fails ({native[0]})"
    if ours[0] != 0:
        return f"FAILS ({ours[0]})"
    texts = [pathlib.Path(f"{log}.{side}.out").read_text().splitlines() for side in ("native", "ours")]
    if texts[0] == texts[1]:
        return f"equal, {len(texts[0])} results"
    different = [a.split(":")[0] for a, b in zip(*texts) if a != b]
    return f"DIFFERS in {len(different)} of {len(texts[0])}: " + ", ".join(different[:4])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--build", default="build")
    parser.add_argument("--logs", default="build/frameworks")
    parser.add_argument("--timeout", type=float, default=180)
    parser.add_argument("--through", metavar="COMMAND")
    options = parser.parse_args()
    vgpu_run = pathlib.Path(options.build) / "bin/vgpu-run"
    known = sorted(p.stem for p in (HERE / "cases").glob("*.py") if p.stem != "digest")
    unknown = [c for c in options.cases if c not in known]
    if unknown or not vgpu_run.exists():
        print(f"run.py: {'no case ' + unknown[0] + '; there are: ' + ' '.join(known) if unknown else str(vgpu_run) + ' is missing: make'}", file=sys.stderr)
        return 2
    through = shlex.split(options.through) if options.through else [str(vgpu_run), "--driver", "nvidia", "--"]
    # A guest's console has both outputs in one, and warnings come in no fixed order.
    os.environ["PYTHONWARNINGS"] = "ignore"
    os.makedirs(options.logs, exist_ok=True)
    print("| case | result | native s | ours s |\n|---|---|---|---|", flush=True)
    good = True
    for case in options.cases or known:
        log = f"{options.logs}/{case}"
        command = [sys.executable, str(HERE / "cases" / f"{case}.py")]
        native = run(command, f"{log}.native", options.timeout)
        ours = run([*through, *command], f"{log}.ours", options.timeout)
        verdict = judge(native, ours, log)
        good &= verdict.startswith(("equal", "skipped"))
        print(f"| {case} | {verdict} | {native[1]:.1f} | {ours[1]:.1f} |", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
