#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what every call of NVML that is carried answers natively and through us (tests/gpu/nvml_values).

usage: nvml_values.py BUILD_DIR [DRIVER [NATIVE_DIR]]

DRIVER is vgpu-run's, nvidia unless said otherwise; NATIVE_DIR has the native libnvidia-ml.so.1 where it is not the
machine's. Natively is asked before and after, so that what moves by itself shows. Prints what differs for no reason that is
known here, what killed a library, carried calls that nobody asked, how many differences each reason explains, then
"N passed, M failed". Exit status 0 when all is equal or explained, 1 when not, 2 for wrong use. KEEP=DIRECTORY keeps the answers.
"""
import collections
import os
import re
import subprocess
import sys
import tempfile

# Readings that change while nobody changes anything: code, type and number of values must be equal, and a number must be in
# the neighbourhood. (Ids of fields: NVML's documentation, Field Value Enums.)
MOVES = {
    "power, energy": r"nvmlDeviceGet(PowerUsage|TotalEnergyConsumption|ViolationStatus)\(",
    "temperature, fans": r"nvmlDeviceGet(Temperature|TemperatureV|ThermalSettings|MarginTemperature|FanSpeed\w*|TargetFanSpeed|CoolerInfo)\(",
    "clocks": r"nvmlDeviceGet(ClockInfo|Clock|CurrentClock\w+|PerformanceState|PowerState|DynamicPstatesInfo)\(",
    "traffic": r"nvmlDeviceGet(PcieThroughput|NvLinkUtilizationCounter|UtilizationRates|\w+Utilization|BAR1MemoryInfo)\(",
    "fields that are counters or momentary": r"nvmlDeviceGetFieldValues\((7[4-9]|8[0-3]|13[89]|14[01]|17[3-9]|18\d|19\d|20\d),",
    "metrics between two samples": r"nvmlGpmMetricsGet\(",
    "samples": r"nvmlDeviceGetSamples\(",
}
# What is this side's own (docs/nvml.md, "Beside NVIDIA's library"): the codes that either side may give.
OURS = {
    "memory is these programs'": (r"nvmlDeviceGet(MemoryInfo|MemoryInfo_v2)\(|nvmlDeviceGetConfComputeProtectedMemoryUsage\(", {0}),
    "processes are these programs'": (r"nvmlDeviceGet(Compute|Graphics|MPSCompute)RunningProcesses|nvmlDeviceGetRunningProcessDetailList", {0, 7}),
    "utilisation is these programs'": (r"nvmlDeviceGetProcess(es)?Utilization|nvmlDeviceGetUtilizationRates", {0, 6, 7}),
    "accounting is off here": (r"nvmlDeviceGetAccountingMode", {0}),
    "encoders' sessions are these programs'": (r"nvmlDeviceGet(Encoder|FBC)(Sessions|Stats)", {0, 7}),
    "no handles of slices": (r"nvmlDeviceGetMigDeviceHandleByIndex", {2, 3, 6}),
    "told to root only, which vgpu-monitor is not": (r"nvmlSystemGetNvlinkBwMode\(", {0, 4}),
    "more metrics at a time than NVIDIA's library takes": (r"nvmlGpmMetricsGet\(332 from", {0, 2}),
    "samples of utilisation are these programs'": (r"nvmlDeviceGetSamples\([12],", {0, 6}),
}
# They give nothing that could be compared, or take what only an inner call makes.
NOT_ASKED = {"nvmlInternalGetExportTable"}
FUNCTION_NOT_FOUND = 13


def ask(program, environment, earlier, keep):
    """The answers by question, in order."""
    command = program + ([earlier] if earlier else [])
    with open(keep, "w") as out:
        code = subprocess.run(command, env={**os.environ, **environment}, stdout=out, stderr=subprocess.PIPE, text=True)
    if code.returncode != 0:
        print(f"{' '.join(command)}: status {code.returncode}: {code.stderr.strip()[-300:]}")
    answers, carried = collections.OrderedDict(), []
    for line in open(keep, errors="replace"):
        question, arrow, answer = line.rstrip("\n").partition(" -> ")
        if line.startswith("carried "):
            carried.append(line.split()[1])
        elif arrow:
            answers[question] = answer
    return answers, carried


def numbers(text):
    return [float(part) for part in re.findall(r"-?\d+(?:\.\d+)?", text)]


def near(value, one, other):
    """A reading in the neighbourhood of two others of the same minute."""
    low, high = min(one, other), max(one, other)
    return low / 4 - 100 <= value <= high * 4 + 100


def same_kind(ours, before, after):
    """The same code and as many values of the same kind, numbers not far away; the number of samples is nobody's promise."""
    mine, first, last = (answer.split(" | ") for answer in (ours, before, after))
    if mine[0] != first[0] or len(mine) != len(first):
        return False
    for value, one, other in zip(mine[1:], first[1:], last[1:] if len(last) == len(first) else first[1:]):
        if value == one or value == other or value.startswith("n="):
            continue
        if len(numbers(value)) != 1 or len(numbers(one)) != 1 or len(numbers(other)) != 1:
            # A struct: as many numbers, some of which moved. Texts and words do not move.
            if re.search("[a-z\"]", value) or len(value.split()) != len(one.split()):
                return False
        elif not near(numbers(value)[0], numbers(one)[0], numbers(other)[0]):
            return False
    return True


def code_of(answer):
    head = answer.split(" | ")[0]
    return int(head) if re.fullmatch(r"-?\d+", head) else None


def reason_for(question, ours, before, after):
    """Why they may differ; none if there is no reason."""
    for reason, (pattern, codes) in OURS.items():
        if re.match(pattern, question) and code_of(ours) in codes and code_of(before) in codes:
            return reason
    if before != after and same_kind(ours, before, after):
        return "moved natively in the same minute"
    for reason, pattern in MOVES.items():
        if re.match(pattern, question) and same_kind(ours, before, after):
            return reason
    return None


def compare(before, ours, after):
    reasons, equal, bad = collections.Counter(), 0, []
    # A release of another age than ours has other names.
    # (nvmlDeviceGetMemoryInfo_v2 says the same of a version that it does not know.)
    lacking = {question.split("(")[0] for question, answer in before.items() if code_of(answer) == FUNCTION_NOT_FOUND} - {
        question.split("(")[0] for question, answer in before.items() if code_of(answer) != FUNCTION_NOT_FOUND}
    for question, native in before.items():
        if question.split("(")[0] in lacking:
            reasons["the native library has no such call"] += 1
            continue
        mine, later = ours.get(question, "not answered"), after.get(question, native)
        if mine in (native, later):
            equal += 1
            continue
        reason = reason_for(question, mine, native, later)
        if reason:
            reasons[reason] += 1
        else:
            bad.append(f"{question}: natively {native}; through us {mine}" + (f"; natively later {later}" if later != native else ""))
    bad += [f"{question}: natively not answered; through us {ours[question]}" for question in ours
            if question not in before and question.split("(")[0] not in lacking]
    return equal, reasons, bad


def main():
    if len(sys.argv) not in (2, 3, 4):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    build, driver = sys.argv[1], (sys.argv + ["nvidia"])[2] if len(sys.argv) > 2 else "nvidia"
    native = {"LD_LIBRARY_PATH": sys.argv[3] + ":" + os.environ.get("LD_LIBRARY_PATH", "")} if len(sys.argv) > 3 else {}
    binary, holder, run = build + "/tests/gpu/nvml_values", build + "/tests/smi/holder", build + "/bin/vgpu-run"
    keep = os.environ.get("KEEP") or tempfile.mkdtemp()
    os.makedirs(keep, exist_ok=True)
    # Beside a program that uses the card, so that there is something to be seen.
    held = [holder, "64", binary]
    before, carried = ask(held, native, None, f"{keep}/native")
    ours, _ = ask([run, "--driver", driver, "--"] + held, native, f"{keep}/native", f"{keep}/ours")
    after, _ = ask(held, native, f"{keep}/native", f"{keep}/native-later")
    equal, reasons, bad = compare(before, ours, after)
    asked = {question.split("(")[0] for question in list(before) + list(ours)}
    bad += [f"{name} is carried, and was not asked" for name in carried if name not in asked | NOT_ASKED]
    for line in bad:
        print(f"FAIL: {line[:400]}")
    for reason, count in reasons.most_common():
        print(f"{count:6}  {reason}")
    print(f"{equal:6}  equal")
    print(f"{equal + sum(reasons.values())} passed, {len(bad) + (0 if before else 1)} failed")
    return 1 if bad or not before else 0


if __name__ == "__main__":
    sys.exit(main())
