#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where the processor time of a program goes, and of all the processes it starts.

usage: profile.py [--build DIR] [--keep DIR] [--top N] COMMAND [ARGUMENT]...
       profile.py --read DIR [--top N]

Runs the command with a sampler in each process (bench/profile/sampler.cpp; no perf and no rights are needed) and prints,
for each process and thread with more than a few samples, the functions that it was in, inlined ones by their own names.
--keep leaves the samples in DIR, for --read. Needs addr2line (binutils). A worker on the software GPU is not to be watched:
its sandbox allows no timers; the software GPU in the program itself is (LD_LIBRARY_PATH=build/soft). Exit status: that
of the command; where that is 0 and nothing was sampled, 2.
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
    """How often each thread of a process was at each address: {thread: Counter}."""
    threads = collections.defaultdict(collections.Counter)
    for thread, address in SAMPLE.iter_unpack(path.read_bytes()):
        if thread == 0:  # the rest of the file has not been written
            break
        threads[thread][address] += 1
    return threads


class Mapping:
    def __init__(self, line):
        fields = line.split(None, 5)
        begin, end = fields[0].split("-")
        self.begin, self.end = int(begin, 16), int(end, 16)
        self.offset = int(fields[2], 16)
        self.file = fields[5].strip() if len(fields) > 5 else ""


def program_of(maps):
    return next((os.path.basename(m.file) for m in maps if m.file.startswith("/") and not m.file.startswith("/dev")), "?")


def segments_of(binary):
    """What of an ELF file is loaded where: (offset, length, the address it was linked for)."""
    header = binary.read(64)
    if header[:4] != b"\x7fELF":
        return
    at, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
    for i in range(count):
        binary.seek(at + i * size)
        kind, _, offset, address, _, length, _, _ = struct.unpack("<IIQQQQQQ", binary.read(56))
        if kind == 1:  # PT_LOAD
            yield offset, length, address


def linked_address(segments, offset):
    return next((offset - begin + address for begin, length, address in segments if begin <= offset < begin + length), offset)


def without_parameters(function):
    """Cut at the first parenthesis that is not a template's."""
    function = function.replace("(anonymous namespace)::", "")
    depth = 0
    for at, letter in enumerate(function):
        depth += {"<": 1, ">": -1}.get(letter, 0)
        if letter == "(" and depth == 0 and at > 0:
            return function[:at]
    return function


def functions_at(file, offsets):
    """The innermost function at each offset of a file; of a file without lines, whose nearest symbol says little, its name."""
    names = [f"({os.path.basename(file) or 'no file'})"] * len(offsets)
    if not os.path.isfile(file):
        return names
    with open(file, "rb") as binary:
        segments = list(segments_of(binary))
    asked = "\n".join(f"{linked_address(segments, offset):#x}" for offset in offsets)
    answer = subprocess.run(["addr2line", "-f", "-C", "-e", file], input=asked, capture_output=True, text=True)
    lines = answer.stdout.splitlines()
    for i, (function, place) in enumerate(zip(lines[::2], lines[1::2])):
        if not place.startswith("?"):
            names[i] = f"{without_parameters(function)}  ({os.path.basename(place.split(':')[0])})"
    return names


def names_of(maps, addresses):
    names = {}
    by_file = collections.defaultdict(list)
    for address in sorted(addresses):
        mapping = next((m for m in maps if m.begin <= address < m.end), None)
        if mapping:
            by_file[mapping.file].append((address, address - mapping.begin + mapping.offset))
        else:
            names[address] = "(unknown)"
    for file, places in by_file.items():
        found, offsets = zip(*places)
        names.update(zip(found, functions_at(file, offsets)))
    return names


def report(folder, top):
    """Prints what is in a folder of samples, and returns of how many threads."""
    shown = 0
    for path in sorted(folder.glob("*.samples"), key=lambda p: int(p.stem)):
        threads = {thread: counts for thread, counts in samples_of(path).items() if counts.total() >= FEWEST}
        if not threads:
            continue
        maps = [Mapping(line) for line in path.with_suffix(".maps").read_text().splitlines()]
        names = names_of(maps, set().union(*threads.values()))
        for thread, counts in sorted(threads.items(), key=lambda item: -item[1].total()):
            shown += 1
            print(f"\n{program_of(maps)} {path.stem}, thread {thread}: {counts.total()} samples")
            functions = collections.Counter()
            for address, count in counts.items():
                functions[names[address]] += count
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
