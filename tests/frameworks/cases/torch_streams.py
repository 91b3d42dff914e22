# SPDX-License-Identifier: Apache-2.0
# Several streams, events, pinned memory, asynchronous copies, a data loader with workers and pinned batches.
import torch
from torch.utils.data import DataLoader, TensorDataset

from digest import show


def main():
    torch.manual_seed(8)
    streams = [torch.cuda.Stream() for _ in range(8)]
    a = torch.randn(256, 256, device="cuda")
    torch.cuda.synchronize()
    parts = []
    for i, stream in enumerate(streams):
        with torch.cuda.stream(stream):
            x = a
            for _ in range(i + 1):
                x = (x @ a) / 16
            parts.append(x)
    torch.cuda.synchronize()
    for i, part in enumerate(parts):
        show(f"stream {i}", part)
    begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
    begin.record()
    a @ a
    end.record()
    end.synchronize()
    print("elapsed is positive:", begin.elapsed_time(end) > 0)
    pinned = torch.arange(1 << 20, dtype=torch.float32).pin_memory()
    show("pinned there and back", (pinned.to("cuda", non_blocking=True) * 2).cpu().sum())
    loader = DataLoader(TensorDataset(torch.arange(4096.0).view(512, 8)), batch_size=64, num_workers=2, pin_memory=True)
    show("loader", sum(batch.to("cuda", non_blocking=True).sum() for (batch,) in loader))


if __name__ == "__main__":
    main()
