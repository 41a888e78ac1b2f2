"""How many of oneDNN's compiled kernels are kept in memory."""

from __future__ import annotations

import os

KEPT = 64
VARIABLE = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"


def small_kernel_cache() -> None:
    """Keep the last `KEPT` of oneDNN's kernels in place of 1024, unless the environment says how many.

    On processors oneDNN compiles a kernel for each shape of a layer's input, and texts have nearly as many shapes as
    there are batches: the cache grew to some 300 MB and saved no measurable time (docs/log.md). It is to be called
    before the first layer runs.
    """
    os.environ.setdefault(VARIABLE, str(KEPT))
