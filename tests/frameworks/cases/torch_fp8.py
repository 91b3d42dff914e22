# SPDX-License-Identifier: Apache-2.0
# Products of 8-bit floating-point matrices: cuBLASLt, by torch._scaled_mm; e4m3 and e5m2, a scale a tensor and a scale a row.
import torch

from digest import show

torch.manual_seed(12)
a = torch.randn(128, 256, device="cuda")
b = torch.randn(64, 256, device="cuda")
one = torch.ones((), device="cuda")
for left, right in ((torch.float8_e4m3fn, torch.float8_e4m3fn), (torch.float8_e5m2, torch.float8_e4m3fn)):
    for result in (torch.bfloat16, torch.float32):
        product = torch._scaled_mm(a.to(left), b.to(right).t(), scale_a=one, scale_b=one * 0.5, out_dtype=result)
        show(f"{left} x {right} to {result}", product)
rows = a.abs().amax(dim=1, keepdim=True) / 448
columns = b.abs().amax(dim=1, keepdim=True) / 448
product = torch._scaled_mm((a / rows).to(torch.float8_e4m3fn), (b / columns).to(torch.float8_e4m3fn).t(), scale_a=rows, scale_b=columns.t(), out_dtype=torch.bfloat16)
show("scaled by row", product)
