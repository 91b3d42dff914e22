# SPDX-License-Identifier: Apache-2.0
# CUDA's libraries by their C interface: cuBLAS products of every type, cuBLASLt, cuRAND, cuSPARSE, NVRTC, nvJitLink are
# reached through cupy's bindings where it has them, else through ctypes.
import ctypes

import cupy
import numpy
from cupy_backends.cuda.libs import cublas, curand

from digest import show

R16F, R32F, R64F, R8I, R32I, R16BF = 2, 0, 1, 3, 10, 14
COMPUTE = {"f16": (R16F, R16F, 64), "f16 in f32": (R16F, R16F, 68), "bf16": (R16BF, R16BF, 68), "f32": (R32F, R32F, 68),
           "tf32": (R32F, R32F, 77), "f64": (R64F, R64F, 70), "int8": (R8I, R32I, 72)}
numpy.random.seed(1)
handle = cupy.cuda.device.get_cublas_handle()
n = 64
for name, (kind, result, compute) in COMPUTE.items():
    host = numpy.random.standard_normal((2, n, n))
    if kind == R8I:
        a, b = cupy.asarray((host * 20).astype(numpy.int8))
    elif kind == R16BF:
        bits = host.astype(numpy.float32).view(numpy.uint32) >> 16
        a, b = cupy.asarray(bits.astype(numpy.uint16))
    else:
        a, b = cupy.asarray(host.astype({R16F: numpy.float16, R32F: numpy.float32, R64F: numpy.float64}[kind]))
    c = cupy.zeros((n, n), {R16F: numpy.uint16, R16BF: numpy.uint16, R32F: numpy.float32, R64F: numpy.float64, R32I: numpy.int32}[result])
    scalar = {64: numpy.float16, 70: numpy.float64, 72: numpy.int32}.get(compute, numpy.float32)
    one, zero = numpy.array(1, scalar), numpy.array(0, scalar)
    cublas.gemmEx(handle, 0, 0, n, n, n, one.ctypes.data, a.data.ptr, kind, n, b.data.ptr, kind, n, zero.ctypes.data, c.data.ptr, result, n, compute, -1)
    show(f"cublasGemmEx {name}", c)
x = cupy.arange(1000, dtype=cupy.float32)
show("cublasSdot", cupy.dot(x, x))
generator = curand.createGenerator(curand.CURAND_RNG_PSEUDO_PHILOX4_32_10)
curand.setPseudoRandomGeneratorSeed(generator, 7)
out = cupy.empty(1000, cupy.float32)
curand.generateUniform(generator, out.data.ptr, out.size)
show("curandGenerateUniform", out)
curand.destroyGenerator(generator)
