# SPDX-License-Identifier: Apache-2.0
# JAX: jit, grad, vmap, matrix products, convolution, scan, FFT, linear algebra, sorting, random numbers.
import os

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ["XLA_FLAGS"] = "--xla_gpu_deterministic_ops=true --xla_gpu_autotune_level=0"

import jax
import jax.numpy as jnp

from digest import show

print("platform:", jax.devices()[0].platform, jax.devices()[0].device_kind)
key = jax.random.PRNGKey(0)
x = jax.random.normal(key, (256, 128))
show("random", x)
show("jit", jax.jit(lambda v: jnp.tanh(v) @ v.T)(x))
show("grad", jax.grad(lambda v: jnp.sum(jnp.sin(v) ** 2))(x))
show("vmap", jax.vmap(lambda v: jnp.outer(v, v))(x[:8]))
show("scan", jax.lax.scan(lambda c, v: (c * 0.5 + v, c), jnp.zeros(128), x)[1])
show("while", jax.lax.while_loop(lambda s: s[0] < 100, lambda s: (s[0] + 1, s[1] * 1.01), (0, jnp.ones(4)))[1])
show("fft", jnp.abs(jnp.fft.fft(x)))
show("sort", jnp.sort(x, axis=1))
show("conv", jax.lax.conv(x.reshape(2, 16, 32, 32), jnp.ones((8, 16, 3, 3)), (1, 1), "SAME"))
show("cholesky", jnp.linalg.cholesky(x.T @ x + 128 * jnp.eye(128)))
show("svd values", jnp.linalg.svd(x, compute_uv=False))
for dtype in (jnp.bfloat16, jnp.float16, jnp.float32):
    show(f"matmul {jnp.dtype(dtype).name}", (x.astype(dtype) @ x.astype(dtype).T).astype(jnp.float32))


@jax.jit
def step(w, data):
    loss, gradient = jax.value_and_grad(lambda p: jnp.mean((jnp.tanh(data @ p) - 0.5) ** 2))(w)
    return w - 0.1 * gradient, loss


w = jnp.zeros((128, 32))
for _ in range(20):
    w, loss = step(w, x)
show("trained", w)
