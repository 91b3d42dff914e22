# SPDX-License-Identifier: Apache-2.0
"""What a case prints: one line per result, with a digest of its bytes, so that two runs can be compared bit for bit."""
import hashlib

import numpy


def show(name, value):
    """Prints NAME, the value's shape and a digest of its bytes. Takes arrays of any library, tensors, and numbers."""
    if hasattr(value, "detach"):
        value = value.detach()
        if str(value.dtype) == "torch.bfloat16":
            value = value.float()
        value = value.cpu().numpy()
    elif hasattr(value, "get"):
        value = value.get()
    array = numpy.ascontiguousarray(numpy.asarray(value))
    digest = hashlib.sha256(array.tobytes()).hexdigest()[:16]
    head = " ".join(f"{x:.6g}" for x in array.astype(complex if array.dtype.kind == "c" else float).ravel()[:3])
    print(f"{name}: {array.dtype} {list(array.shape)} {digest} [{head}]", flush=True)
