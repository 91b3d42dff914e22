# SPDX-License-Identifier: Apache-2.0
# cuDNN: convolutions forward and backward, pooling, batch norm, recurrent layers.
import torch

from digest import show

torch.backends.cudnn.deterministic = True
torch.manual_seed(2)
x = torch.randn(4, 16, 32, 32, device="cuda", requires_grad=True)
for dtype in (torch.float32, torch.float16):
    conv = torch.nn.Conv2d(16, 32, 3, padding=1).cuda().to(dtype)
    y = conv(x.to(dtype))
    y.float().square().mean().backward()
    show(f"conv2d {dtype}", y)
    show(f"conv2d weight gradient {dtype}", conv.weight.grad)
show("conv transpose", torch.nn.ConvTranspose2d(16, 8, 4, stride=2).cuda()(x))
show("conv1d", torch.nn.Conv1d(16, 8, 5).cuda()(x[:, :, 0]))
show("conv3d", torch.nn.Conv3d(4, 8, 3).cuda()(x.view(4, 4, 4, 32, 32)))
show("batch norm", torch.nn.BatchNorm2d(16).cuda()(x))
show("pool", torch.nn.functional.max_pool2d(x, 2))
out, _ = torch.nn.LSTM(32, 64, 2, batch_first=True).cuda()(x[:, 0])
show("lstm", out)
