# SPDX-License-Identifier: Apache-2.0
# CuPy: FFT, linear algebra, sparse matrices, random numbers, sorting, textures.
import cupy
import cupyx.scipy.sparse

from digest import show

cupy.random.seed(1)
a = cupy.random.standard_normal((128, 128))
show("random", a)
show("fft", cupy.fft.fft(a))
show("rfftn", cupy.fft.rfftn(a))
show("matmul", a @ a)
show("svd values", cupy.linalg.svd(a, compute_uv=False))
show("solve", cupy.linalg.solve(a, cupy.ones(128)))
show("qr", cupy.linalg.qr(a)[1])
show("cholesky", cupy.linalg.cholesky(a @ a.T + 128 * cupy.eye(128)))
show("eigh values", cupy.linalg.eigvalsh(a @ a.T))
sparse = cupyx.scipy.sparse.csr_matrix(cupy.where(cupy.abs(a) > 1, a, 0))
show("sparse product", sparse @ cupy.ones(128))
show("argsort", cupy.argsort(a, axis=1))
show("histogram", cupy.histogram(a, bins=16)[0])
show("half", a.astype(cupy.float16) @ a.astype(cupy.float16))

from cupy.cuda import runtime, texture

descriptor = texture.ChannelFormatDescriptor(32, 0, 0, 0, runtime.cudaChannelFormatKindFloat)
array = texture.CUDAarray(descriptor, 64, 16)
array.copy_from(a[:16, :64].astype(cupy.float32))
resource = texture.ResourceDescriptor(runtime.cudaResourceTypeArray, cuArr=array)
sampling = texture.TextureDescriptor((runtime.cudaAddressModeClamp,) * 2, runtime.cudaFilterModePoint, runtime.cudaReadModeElementType)
code = r"""extern "C" __global__ void fetch(cudaTextureObject_t t, float *y) {
  y[threadIdx.y * 64 + threadIdx.x] = tex2D<float>(t, threadIdx.x + 0.5f, threadIdx.y + 0.5f); }"""
out = cupy.empty((16, 64), cupy.float32)
cupy.RawKernel(code, "fetch")((1,), (64, 16), (texture.TextureObject(resource, sampling), out))
show("texture", out)
