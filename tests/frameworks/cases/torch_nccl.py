# SPDX-License-Identifier: Apache-2.0
# NCCL between two processes, a card each: all-reduce and all-gather of torch.distributed.
import os
import subprocess
import sys

import torch


def rank():
    import torch.distributed as dist

    number, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    device = torch.device("cuda", number % torch.cuda.device_count())
    torch.cuda.set_device(device)
    dist.init_process_group("nccl", rank=number, world_size=world, device_id=device)
    values = torch.arange(1 << 20, device="cuda", dtype=torch.float32)
    total = values * (number + 1)
    dist.all_reduce(total)
    parts = [torch.zeros(1000, device="cuda") for _ in range(world)]
    dist.all_gather(parts, torch.full((1000,), float(number), device="cuda"))
    torch.cuda.synchronize()
    print("rank", number, bool((total == values * 3).all()), [float(part.mean()) for part in parts], flush=True)
    dist.destroy_process_group()


def main():
    if torch.cuda.device_count() < 2:
        raise SystemExit("two cards are needed")
    common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29511", "WORLD_SIZE": "2"}
    ranks = [
        subprocess.Popen([sys.executable, __file__, "rank"], env={**os.environ, **common, "RANK": str(number)},
                         stdout=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    for process in ranks:
        text = process.communicate(timeout=120)[0]
        print(*[line for line in text.splitlines() if line.startswith("rank ")], sep="\n")
    raise SystemExit(max(process.returncode for process in ranks))


if __name__ == "__main__":
    rank() if sys.argv[1:] == ["rank"] else main()
