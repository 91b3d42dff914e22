# SPDX-License-Identifier: Apache-2.0
# Tensor operations: elementwise, reductions, sort, index, random numbers, matrix products of several types.
import torch

from digest import show

torch.manual_seed(1)
a = torch.randn(512, 384, device="cuda")
b = torch.randn(384, 256, device="cuda")
show("device name bytes", list(torch.cuda.get_device_name().encode()))
show("random", a)
show("elementwise", torch.sin(a) * torch.exp(-a * a) + a.sigmoid())
show("sum", a.sum(0))
show("softmax", a.softmax(-1))
show("sort", a.sort(-1).values)
show("topk", a.topk(7, -1).values)
show("cumsum", a.cumsum(0))
show("where", torch.where(a > 0, a, -a).to(torch.float64).mean())
show("index", a[torch.arange(0, 512, 3, device="cuda")])
show("scatter", torch.zeros(64, device="cuda").scatter_(0, torch.arange(64, device="cuda"), a[0, :64]))
show("unique", torch.randint(0, 50, (1000,), device="cuda").unique())
for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
    show(f"matmul {dtype}", a.to(dtype) @ b.to(dtype))
show("int8 matmul", torch._int_mm((a * 20).to(torch.int8)[:, :384], (b * 20).to(torch.int8)))
show("batched", torch.bmm(a.view(8, 64, 384), b.expand(8, 384, 256)))
show("einsum", torch.einsum("ij,jk->ki", a, b))
show("free", [torch.cuda.mem_get_info()[1] > 0])
