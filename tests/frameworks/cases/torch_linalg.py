# SPDX-License-Identifier: Apache-2.0
# torch.linalg (cuSOLVER, cuBLAS, MAGMA), torch.fft (cuFFT), sparse products (cuSPARSE).
import torch

from digest import show

torch.manual_seed(9)
a = torch.randn(96, 96, device="cuda", dtype=torch.float64)
spd = a @ a.T + 96 * torch.eye(96, device="cuda", dtype=torch.float64)
show("cholesky", torch.linalg.cholesky(spd))
show("solve", torch.linalg.solve(spd, a))
show("qr", torch.linalg.qr(a).R)
show("svd values", torch.linalg.svdvals(a))
show("eigh values", torch.linalg.eigvalsh(spd))
show("lu", torch.linalg.lu_factor(a).LU)
show("inverse", torch.linalg.inv(spd))
show("det", torch.linalg.slogdet(spd).logabsdet)
x = torch.randn(64, 128, device="cuda")
show("fft", torch.view_as_real(torch.fft.fft(x)))
show("rfft2", torch.view_as_real(torch.fft.rfft2(x)))
show("ifft", torch.fft.irfft(torch.fft.rfft(x)))
show("fft of odd length", torch.view_as_real(torch.fft.fft(x[:, :127])))
sparse = torch.where(x.abs() > 1, x, torch.zeros_like(x)).to_sparse_csr()
# cuSPARSE adds in no fixed order: the last bits differ from run to run natively, too.
dense = torch.randn(128, 32, device="cuda")
print("sparse product is near the dense one:", torch.allclose(sparse @ dense, sparse.to_dense() @ dense, atol=1e-4))
