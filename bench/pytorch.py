#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""PyTorch natively and through us, side by side: a transformer so small that launches, not the GPU, set the pace.

usage: pytorch.py [--build DIR] [--driver NAME] [--rows PATTERN] [--rounds N] [--json FILE] [--gate FILE]

Two processes of this script stay open for the whole run, one on this system's driver and one under vgpu-run; they are
told over pipes to measure one row after the other, in turn, so that whatever else the machine does meets both. The
table, the JSON and the bounds of --gate are as those of vgpu-bench. Needs a GPU and PyTorch. Exit status: 0; 1 when a
row failed, or when the two sides do not compute the same; 2 when there was no run; 3 when a bound is broken.
"""
import argparse
import fnmatch
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

PATIENCE = 180  # seconds for one answer

# The rows, and the step of Bench that each repeats.
ROWS = {
    "torch: training step": "train",
    "torch: inference": "infer",
    "torch: inference, one token, its value read": "generate",
    "torch: inference, a graph": "replay",
}

# ---- the side that measures ----


class Bench:
    """The model and the steps that rows repeat."""

    def __init__(self):
        import torch

        self.torch = torch
        torch.manual_seed(1)
        self.data = torch.randint(0, 1000, (8, 32), device="cuda")
        self.target = self.data.roll(1, 1).flatten()
        self.trained, self.fixed = self.model(), self.model().eval()
        self.optimizer = torch.optim.AdamW(self.trained.parameters(), lr=1e-3)
        self.graph = None

    def model(self):
        nn = self.torch.nn
        layer = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.0, batch_first=True)
        return nn.Sequential(nn.Embedding(1000, 128), nn.TransformerEncoder(layer, 4, enable_nested_tensor=False), nn.Linear(128, 1000)).cuda()

    def train(self):
        loss = self.torch.nn.functional.cross_entropy(self.trained(self.data).flatten(0, 1), self.target)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss

    def infer(self):
        with self.torch.no_grad():
            return self.fixed(self.data)

    def generate(self):
        with self.torch.no_grad():
            return self.fixed(self.data[:1])[0, -1].argmax().item()

    def replay(self):
        if self.graph is None:
            side = self.torch.cuda.Stream()
            side.wait_stream(self.torch.cuda.current_stream())
            with self.torch.cuda.stream(side):
                for _ in range(3):
                    self.infer()
            self.torch.cuda.current_stream().wait_stream(side)
            self.graph = self.torch.cuda.CUDAGraph()
            with self.torch.cuda.graph(self.graph):
                self.graph_out = self.infer()
        self.graph.replay()
        return self.graph_out

    def measure(self, name):
        """Steps per second, the last one's work included."""
        step, count = getattr(self, ROWS[name]), 100
        for _ in range(5):
            step()
        self.torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(count):
            step()
        self.torch.cuda.synchronize()
        return count / (time.perf_counter() - begin)

    def check(self):
        """Figures that both sides must agree on, up to rounding: nobody measures work that was not done."""
        fixed = self.infer().double().sum().item()
        replayed = self.replay().double().sum().item()
        losses = [self.train().item() for _ in range(3)]
        return [fixed, replayed, *losses]


def serve():
    """Answers one line of JSON for each line that names a row, or "check"."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What a library prints is no answer.
    try:
        bench = Bench()
        answers.write(json.dumps({"version": bench.torch.__version__, "gpu": bench.torch.cuda.get_device_name(0)}) + "\n")
    except Exception as error:  # whatever a framework raises is the answer
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        return 1
    finally:
        answers.flush()
    for line in sys.stdin:
        word = line.strip()
        try:
            answer = {"value": bench.check() if word == "check" else bench.measure(word)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    return 0


# ---- the side that asks ----


class Side:
    """One process of ours, held open."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen([*command, sys.executable, os.path.abspath(__file__), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hear(self):
        # A side that hangs is killed; then its pipe ends.
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        try:
            line = self.process.stdout.readline()
        finally:
            timer.cancel()
        return json.loads(line) if line else {"error": "the process ended, or did not answer in time"}

    def ask(self, word):
        try:
            self.process.stdin.write(word + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # Its answer says so.
        return self.hear()

    def close(self):
        try:
            self.process.stdin.close()
            self.process.wait(20)
        except (BrokenPipeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()


def read_bounds(path):
    """{row: (bound, whether it is of our own figure)}; the format is vgpu-bench's, units: /s."""
    bounds = {}
    for number, line in enumerate(pathlib.Path(path).read_text().splitlines(), 1):
        text = line.split("#")[0].strip()
        if not text:
            continue
        word, _, name = text.partition(" ")
        ours = word.endswith("/s")
        try:
            value = float(word[:-2] if ours else word)
        except ValueError:
            value = 0
        if not value > 0 or not name.strip():
            raise ValueError(f"{path}:{number}: not a bound and the name of a row")
        bounds[name.strip()] = (value, ours)
    return bounds


def broken(bounds, results):
    """A sentence for each bound that does not hold; more is better in every row."""
    out = []
    for name, (bound, ours) in bounds.items():
        row = results.get(name)
        if row is None or not row["ours"] or not (ours or row["native"]):
            out.append(f"{name}: not measured")
            continue
        figure = statistics.median(row["ours"])
        if not ours:
            figure /= statistics.median(row["native"])
        if not figure >= bound:
            out.append(f"{name}: {'through us' if ours else 'ratio'} {figure:.3g}, the bound is at least {bound:.3g}")
    return out


def print_table(driver, rounds, results):
    line = "{:<44} {:>11} {:>11} {:>7} {:<5} {:>17} {:>17}"
    print(f"driver: {driver}, {rounds} rounds; ratio = through us / native\n")
    print(line.format("row", "native", "through us", "ratio", "best", "native min - max", "through us"))
    for name, row in results.items():
        middle = [f"{statistics.median(row[side]):.1f} /s" if row[side] else "failed" for side in ("native", "ours")]
        spread = [f"{min(row[side]):.1f} - {max(row[side]):.1f}" if row[side] else "-" for side in ("native", "ours")]
        ratio = f"{statistics.median(row['ours']) / statistics.median(row['native']):.2f}" if row["native"] and row["ours"] else "-"
        print(line.format(name, *middle, ratio, "more", *spread))
    for name, row in results.items():
        for text in row["failures"]:
            print(f"\n{name}: {text}", end="")
    print()


def json_of(driver, rounds, about, results):
    def side(values):
        return {"median": statistics.median(values), "min": min(values), "max": max(values), "samples": values} if values else None

    rows = []
    for name, row in results.items():
        ratio = statistics.median(row["ours"]) / statistics.median(row["native"]) if row["native"] and row["ours"] else None
        rows.append({"row": name, "unit": "steps/s", "better": "more", "ratio": ratio, "native": side(row["native"]), "ours": side(row["ours"])})
    return {"driver": driver, "rounds": rounds, "about": about, "rows": rows}


def agree(native, ours):
    """Whether both sides computed the same, up to what another order of additions does."""
    if "value" not in native or "value" not in ours:
        return f"check: native {native.get('error', 'done')}, through us {ours.get('error', 'done')}"
    for a, b in zip(native["value"], ours["value"]):
        if not math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-3):
            return f"check: native computed {a!r}, through us {b!r}"
    return None


def measure(sides, rows, rounds, results):
    for name in rows:
        results[name] = {"native": [], "ours": [], "failures": []}
        for turn in range(rounds):
            # Who goes first changes, too.
            for side in sides if turn % 2 == 0 else sides[::-1]:
                answer = side.ask(name)
                if "value" in answer:
                    results[name][side.name].append(answer["value"])
                else:
                    results[name]["failures"].append(f"{side.name}: {answer['error']}")


def run(options, bounds):
    vgpu_run = pathlib.Path(options.build) / "bin/vgpu-run"
    if not vgpu_run.exists():
        print(f"pytorch.py: {vgpu_run} is missing: build it with make", file=sys.stderr)
        return 2
    sides = [Side("native", []), Side("ours", [str(vgpu_run.resolve()), "--driver", options.driver, "--"])]
    results = {}
    try:
        about = [side.hear() for side in sides]
        for side, answer in zip(sides, about):
            if "error" in answer:
                print(f"pytorch.py: {side.name}: {answer['error']}", file=sys.stderr)
                return 2
        rows = [name for name in ROWS if fnmatch.fnmatch(name, f"*{options.rows}*")]
        if not rows:
            print(f"pytorch.py: no row matches {options.rows}", file=sys.stderr)
            return 2
        different = agree(*[side.ask("check") for side in sides])
        measure(sides, rows, options.rounds, results)
    finally:
        for side in sides:
            side.close()
    print_table(options.driver, options.rounds, results)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(json_of(options.driver, options.rounds, about, results), indent=1) + "\n")
    if different:
        print(f"pytorch.py: {different}", file=sys.stderr)
    if different or any(row["failures"] for row in results.values()):
        return 1
    sentences = broken(bounds, results)
    for sentence in sentences:
        print(f"pytorch.py: {sentence}", file=sys.stderr)
    return 3 if sentences else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=str(pathlib.Path(__file__).resolve().parent.parent / "build"))
    parser.add_argument("--driver", default="nvidia")
    parser.add_argument("--rows", default="*")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json")
    parser.add_argument("--gate")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve()
    try:
        bounds = read_bounds(options.gate) if options.gate else {}
    except (OSError, ValueError) as error:
        print(f"pytorch.py: {error}", file=sys.stderr)
        return 2
    return run(options, bounds)


if __name__ == "__main__":
    sys.exit(main())
