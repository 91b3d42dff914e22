# SPDX-License-Identifier: Apache-2.0
# A training loop: a small transformer, AdamW, mixed precision; and the same in float32.
import torch

from digest import show

torch.use_deterministic_algorithms(True, warn_only=True)
for amp in (False, True):
    torch.manual_seed(4)
    layer = torch.nn.TransformerEncoderLayer(128, 4, 256, dropout=0.1, batch_first=True)
    model = torch.nn.Sequential(torch.nn.Embedding(100, 128), torch.nn.TransformerEncoder(layer, 2), torch.nn.Linear(128, 100)).cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scaler = torch.amp.GradScaler(enabled=amp)
    data = torch.randint(0, 100, (16, 32), device="cuda")
    for step in range(20):
        with torch.autocast("cuda", torch.float16, enabled=amp):
            loss = torch.nn.functional.cross_entropy(model(data).flatten(0, 1).float(), data.roll(1, 1).flatten())
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        if step % 5 == 0:
            show(f"amp {amp} step {step}", loss)
    show(f"amp {amp} final weights", torch.cat([p.flatten() for p in model.parameters()]))
