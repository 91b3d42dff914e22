# SPDX-License-Identifier: Apache-2.0
# Triton: elementwise, softmax, a matrix product on tensor cores, atomics, autotuning.
import torch
import triton
import triton.language as tl

from digest import show


@triton.jit
def add(x, y, z, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.store(z + i, tl.load(x + i, i < n) + tl.load(y + i, i < n), i < n)


@triton.jit
def softmax(x, y, columns, BLOCK: tl.constexpr):
    i = tl.arange(0, BLOCK)
    row = tl.load(x + tl.program_id(0) * columns + i, i < columns, -float("inf"))
    e = tl.exp(row - tl.max(row, 0))
    tl.store(y + tl.program_id(0) * columns + i, e / tl.sum(e, 0), i < columns)


@triton.autotune([triton.Config({"B": 64}, num_warps=4)], key=["n"])
@triton.jit
def product(a, b, c, n, B: tl.constexpr):
    rows = tl.program_id(0) * B + tl.arange(0, B)
    columns = tl.program_id(1) * B + tl.arange(0, B)
    total = tl.zeros((B, B), tl.float32)
    for k in range(0, n, B):
        ks = k + tl.arange(0, B)
        total += tl.dot(tl.load(a + rows[:, None] * n + ks), tl.load(b + ks[:, None] * n + columns))
    tl.store(c + rows[:, None] * n + columns, total)


@triton.jit
def count(x, out, n, BLOCK: tl.constexpr):
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    tl.atomic_add(out + tl.load(x + i, i < n, 0), 1, i < n)


torch.manual_seed(10)
x, y = torch.randn(2, 10000, device="cuda")
z = torch.empty_like(x)
add[(40,)](x, y, z, 10000, BLOCK=256)
show("add", z)
m = torch.randn(64, 500, device="cuda")
s = torch.empty_like(m)
softmax[(64,)](m, s, 500, BLOCK=512)
show("softmax", s)
a, b = torch.randn(2, 256, 256, device="cuda", dtype=torch.float16)
c = torch.empty(256, 256, device="cuda")
product[(4, 4)](a, b, c, 256)
show("matrix product", c)
bins = torch.zeros(16, device="cuda", dtype=torch.int32)
count[(40,)](torch.randint(0, 16, (10000,), device="cuda"), bins, 10000, BLOCK=256)
show("atomic count", bins)
