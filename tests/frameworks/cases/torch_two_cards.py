# SPDX-License-Identifier: Apache-2.0
# Two cards: identities, copies between them, products on both at once, NCCL's all-reduce in two processes.
import os
import subprocess
import sys

import torch
import torch.distributed

from digest import show

if len(sys.argv) > 1:
    rank = int(sys.argv[1])
    torch.cuda.set_device(rank)
    torch.distributed.init_process_group("nccl", init_method="tcp://127.0.0.1:29533", rank=rank, world_size=2)
    x = torch.arange(1 << 20, device="cuda", dtype=torch.float32) * (rank + 1)
    torch.distributed.all_reduce(x)
    gathered = [torch.empty(4, device="cuda") for _ in range(2)]
    torch.distributed.all_gather(gathered, torch.full((4,), float(rank), device="cuda"))
    if rank == 0:
        show("all-reduce", x)
        show("all-gather", torch.cat(gathered))
    torch.distributed.destroy_process_group()
    sys.exit(0)

if torch.cuda.device_count() < 2:
    print("one card only")
    sys.exit(0)
print("cards:", torch.cuda.device_count(), "different:", torch.cuda.get_device_properties(0).uuid != torch.cuda.get_device_properties(1).uuid)
print("peer access:", torch.cuda.can_device_access_peer(0, 1))
torch.manual_seed(11)
a = torch.randn(512, 512, device="cuda:0")
b = a.to("cuda:1")
show("copied to the other card", b)
show("product there", b @ b)
show("and back", (b @ b).to("cuda:0") - a @ a)
children = [subprocess.Popen([sys.executable, __file__, str(rank)], env=dict(os.environ, NCCL_DEBUG="WARN")) for rank in (0, 1)]
print("children:", [child.wait() for child in children])
