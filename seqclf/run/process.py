"""What a run changes in its process, and puts back."""

from __future__ import annotations

import logging
import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from seqclf.run.freed_memory import freed_memory_kept

QUIET = (
    "pytorch_lightning",
    "lightning_fabric",
    "pytorch_lightning.utilities.rank_zero",
    "lightning_fabric.utilities.rank_zero",
)


@contextmanager
def run_settings(seed: int, threads: int | None) -> Iterator[None]:
    """Seed every generator, set the threads, and hush what is not the user's business; all as before at the end.

    So a job of a sweep gives what the same job gives alone.

    Args:
        seed: of Python's, numpy's and torch's generators.
        threads: of torch on the CPU; None leaves them.
    """
    numbers = random.getstate(), np.random.get_state(), torch.get_rng_state()  # what others draw from
    num_threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    levels = {name: logging.getLogger(name).level for name in QUIET}
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)
    if threads is not None:
        torch.set_num_threads(threads)
    memory: Any = torch.utils.deterministic  # a module of properties, which types do not know
    filling = memory.fill_uninitialized_memory
    memory.fill_uninitialized_memory = False  # a tenth to a quarter of a CNN's time, for nothing
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(pytorch_lightning|lightning_fabric|torchmetrics)\.")
            warnings.filterwarnings("ignore", message="Sparse invariant checks are implicitly disabled")
            yield
    finally:
        random.setstate(numbers[0])
        np.random.set_state(numbers[1])
        torch.set_rng_state(numbers[2])
        torch.set_num_threads(num_threads)
        torch.use_deterministic_algorithms(deterministic)
        memory.fill_uninitialized_memory = filling
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


@contextmanager
def inference_settings(threads: int | None) -> Iterator[None]:
    """The same where a saved model is applied: nothing is drawn, and memory is kept from one batch to the next.

    Args:
        threads: of torch on the CPU; None leaves them.
    """
    with run_settings(0, threads), freed_memory_kept():
        yield
