# SPDX-License-Identifier: Apache-2.0
# Scaled dot-product attention by each of PyTorch's back ends.
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from digest import show

torch.manual_seed(3)
q, k, v = (torch.randn(2, 8, 256, 64, device="cuda", dtype=torch.float16) for _ in range(3))
for backend in (SDPBackend.MATH, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
    try:
        with sdpa_kernel(backend):
            show(str(backend), torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True))
    except RuntimeError as error:
        print(f"{backend}: {str(error).splitlines()[0]}")
