#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the processor time of a program goes, and of all the processes it starts.

usage: profile.py [--build DIR] [--keep DIR] [--top N] COMMAND [ARGUMENT]...
       profile.py --read DIR [--top N]

Runs the command with a sampler in each process (bench/profile/sampler.cpp; no perf and no rights are needed) and prints,
for each process and thread with more than a few samples, the functions that it was in, inlined ones by their own names.
--keep leaves the samples in DIR, for --read. Needs addr2line (binutils). A worker on the software GPU is not to be watched: its
sandbox allows no timers; the software GPU in the program itself is (LD_LIBRARY_PATH=build/soft). Exit status: that of the command, 2 when nothing was sampled.
"""
import argparse
import collections
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

SAMPLE = struct.Struct("<QQ")
FEWEST = 10  # samples of a thread that is shown


def samples_of(path):
    data = path.read_bytes()
    for at in range(0, len(data), SAMPLE.size):
        thread, address = SAMPLE.unpack_from(data, at)
        if thread == 0:
            return
        yield thread, address


class Mapping:
    def __init__(self, line):
        fields = line.split(None, 5)
        begin, end = fields[0].split("-")
        self.begin, self.end = int(begin, 16), int(end, 16)
        self.offset = int(fields[2], 16)
        self.file = fields[5].strip() if len(fields) > 5 else "(no file)"


def address_in_file(file, offset):
    """What addr2line wants: the address a segment was linked for."""
    with open(file, "rb") as binary:
        header = binary.read(64)
        at, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
        for i in range(count):
            binary.seek(at + i * size)
            kind, _, begin, address, _, length, _, _ = struct.unpack("<IIQQQQQQ", binary.read(56))
            if kind == 1 and begin <= offset < begin + length:
                return offset - begin + address
    return offset


def names_of(file, offsets):
    """The innermost function at each offset of a file; of a file without lines, whose nearest symbol says little, its name."""
    names = {offset: f"({os.path.basename(file)})" for offset in offsets}
    if not os.path.isfile(file):
        return names
    asked = "\n".join(f"{address_in_file(file, offset):#x}" for offset in offsets)
    answer = subprocess.run(["addr2line", "-f", "-C", "-e", file], input=asked, capture_output=True, text=True)
    lines = answer.stdout.splitlines()
    for offset, function, place in zip(offsets, lines[::2], lines[1::2]):
        if not place.startswith("?"):
            names[offset] = f"{function.split('(')[0]}  ({os.path.basename(place.split(':')[0])})"
    return names


def report(folder, top):
    shown = 0
    for path in sorted(folder.glob("*.samples"), key=lambda p: int(p.stem)):
        threads = collections.defaultdict(collections.Counter)
        for thread, address in samples_of(path):
            threads[thread][address] += 1
        maps = [Mapping(line) for line in path.with_suffix(".maps").read_text().splitlines()] if threads else []
        program = next((m.file for m in maps if m.file.startswith("/") and not m.file.startswith("/dev")), "?")
        by_file = collections.defaultdict(set)
        place = {}
        for address in {a for counts in threads.values() for a in counts}:
            mapping = next((m for m in maps if m.begin <= address < m.end), None)
            place[address] = (mapping.file, address - mapping.begin + mapping.offset) if mapping else ("(unknown)", 0)
            by_file[place[address][0]].add(place[address][1])
        names = {file: names_of(file, sorted(offsets)) for file, offsets in by_file.items()}
        for thread, counts in sorted(threads.items(), key=lambda item: -item[1].total()):
            if counts.total() < FEWEST:
                continue
            shown += 1
            print(f"\n{os.path.basename(program)} {path.stem}, thread {thread}: {counts.total()} samples")
            functions = collections.Counter()
            for address, count in counts.items():
                file, offset = place[address]
                functions[names[file].get(offset, file)] += count
            for name, count in functions.most_common(top):
                print(f"  {100 * count / counts.total():5.1f} %  {name}")
    return shown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(pathlib.Path(__file__).resolve().parent.parent / "build"))
    parser.add_argument("--keep")
    parser.add_argument("--read")
    parser.add_argument("--top", type=int, default=12)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if arguments.read:
        return 0 if report(pathlib.Path(arguments.read), arguments.top) else 2
    if not arguments.command:
        parser.error("no command to run")
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(arguments.keep or scratch).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        sampler = pathlib.Path(arguments.build).resolve() / "bench" / "sampler.so"
        environment = dict(os.environ, PROFILE_INTO=str(folder), LD_PRELOAD=str(sampler))
        code = subprocess.run(arguments.command, env=environment).returncode
        if not report(folder, arguments.top):
            print("profile.py: nothing was sampled", file=sys.stderr)
            return code or 2
        return code


if __name__ == "__main__":
    sys.exit(main())
