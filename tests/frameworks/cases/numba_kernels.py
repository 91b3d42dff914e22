# SPDX-License-Identifier: Apache-2.0
# numba-cuda: kernels from Python, shared memory, atomics, streams.
import numpy
from numba import cuda, float32

from digest import show


@cuda.jit
def scale(x, y, f):
    i = cuda.grid(1)
    if i < x.size:
        y[i] = x[i] * f


@cuda.jit
def block_sum(x, out):
    tile = cuda.shared.array(256, float32)
    i = cuda.grid(1)
    tile[cuda.threadIdx.x] = x[i]
    cuda.syncthreads()
    if cuda.threadIdx.x == 0:
        total = float32(0)
        for k in range(256):
            total += tile[k]
        cuda.atomic.add(out, 0, total)


x = cuda.to_device(numpy.arange(4096, dtype=numpy.float32))
y = cuda.device_array_like(x)
scale[16, 256](x, y, 2.5)
show("scale", y.copy_to_host())
out = cuda.to_device(numpy.zeros(1, numpy.float32))
block_sum[16, 256](x, out)
show("block sum", out.copy_to_host())
