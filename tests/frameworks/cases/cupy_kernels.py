# SPDX-License-Identifier: Apache-2.0
# CuPy: RawKernel and RawModule (NVRTC), ElementwiseKernel, ReductionKernel, streams, memory pools, graphs.
import cupy

from digest import show

x = cupy.arange(10000, dtype=cupy.float32)
raw = cupy.RawKernel(r"""extern "C" __global__ void scale(const float *x, float *y, float f, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) y[i] = x[i] * f + i; }""", "scale")
y = cupy.empty_like(x)
raw((40,), (256,), (x, y, cupy.float32(1.5), cupy.int32(x.size)))
show("RawKernel", y)
module = cupy.RawModule(code=r"""__constant__ float table[4]; extern "C" __global__ void look(float *y) { y[threadIdx.x] = table[threadIdx.x & 3]; }""")
table = cupy.ndarray(4, cupy.float32, module.get_global("table"))
table[...] = cupy.array([1, 2, 3, 4], dtype=cupy.float32)
out = cupy.empty(16, cupy.float32)
module.get_function("look")((1,), (16,), (out,))
show("RawModule with a constant", out)
square = cupy.ElementwiseKernel("float32 x, float32 y", "float32 z", "z = (x - y) * (x - y)", "squared_difference")
show("ElementwiseKernel", square(x, y))
norm = cupy.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "l2norm")
show("ReductionKernel", norm(x))
stream = cupy.cuda.Stream(non_blocking=True)
with stream:
    z = cupy.sort(cupy.sin(x))[::-1].copy()
stream.synchronize()
show("stream", z)
pool = cupy.get_default_memory_pool()
print("pool in use:", pool.used_bytes() > 0)
pinned = cupy.cuda.alloc_pinned_memory(4096)
print("pinned:", pinned.ptr != 0)
with cupy.cuda.Stream(non_blocking=True) as capture:
    capture.begin_capture()
    w = cupy.multiply(x, 3)
    graph = capture.end_capture()
    graph.launch()
    capture.synchronize()
show("graph", w)
managed = cupy.cuda.malloc_managed(4096)
print("managed:", managed.ptr != 0)
