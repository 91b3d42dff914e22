# SPDX-License-Identifier: Apache-2.0
# The caching allocator over virtual memory management (expandable segments), and over cudaMallocAsync.
import os
import subprocess
import sys

if len(sys.argv) == 1:
    for setting in ("expandable_segments:True", "backend:cudaMallocAsync"):
        environment = dict(os.environ, PYTORCH_CUDA_ALLOC_CONF=setting, PYTORCH_ALLOC_CONF=setting)
        subprocess.run([sys.executable, __file__, setting], env=environment, check=True)
    sys.exit(0)

import torch

from digest import show

torch.manual_seed(7)
total = torch.zeros(1, device="cuda")
kept = []
for i in range(40):
    block = torch.full((1 + 37 * i, 1111), float(i), device="cuda")
    total += block.sum()
    if i % 3 == 0:
        kept.append(block)
    if i % 10 == 9:
        kept.clear()
        torch.cuda.empty_cache()
show(sys.argv[1], total)
