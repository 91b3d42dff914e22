# SPDX-License-Identifier: Apache-2.0
# CUDA graphs: capture, replay with new input, a private pool, and make_graphed_callables.
import torch

from digest import show

torch.manual_seed(6)
model = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 16)).cuda()
static = torch.zeros(32, 64, device="cuda")
side = torch.cuda.Stream()
side.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(side), torch.no_grad():
    for _ in range(3):
        model(static)
torch.cuda.current_stream().wait_stream(side)
graph = torch.cuda.CUDAGraph()
with torch.no_grad(), torch.cuda.graph(graph):
    out = model(static)
for i in range(5):
    static.copy_(torch.full((32, 64), float(i), device="cuda"))
    graph.replay()
    show(f"replay {i}", out)
graphed = torch.cuda.make_graphed_callables(model, (torch.randn(32, 64, device="cuda", requires_grad=True),))
x = torch.randn(32, 64, device="cuda", requires_grad=True)
y = graphed(x)
y.sum().backward()
show("graphed callable", y)
show("its gradient", x.grad)
