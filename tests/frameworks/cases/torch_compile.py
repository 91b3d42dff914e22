# SPDX-License-Identifier: Apache-2.0
# torch.compile: Triton kernels that inductor generates, forward and backward, and its CUDA graphs.
import torch

from digest import show

torch.manual_seed(5)
model = torch.nn.Sequential(torch.nn.Linear(64, 256), torch.nn.GELU(), torch.nn.LayerNorm(256), torch.nn.Linear(256, 8)).cuda()
x = torch.randn(128, 64, device="cuda")
for mode in ("default", "reduce-overhead"):
    torch._dynamo.reset()
    compiled = torch.compile(model, mode=mode)
    for _ in range(3):
        model.zero_grad()
        torch.compiler.cudagraph_mark_step_begin()
        compiled(x).square().mean().backward()
        gradient = model[0].weight.grad.clone()
    with torch.no_grad():
        for _ in range(3):
            y = compiled(x).clone()
    show(f"{mode} output", y)
    show(f"{mode} gradient", gradient)
