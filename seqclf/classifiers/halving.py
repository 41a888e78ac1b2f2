"""A batch that does not fit into memory is read in parts; the step stays that of the whole batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from seqclf.batch import RecordBatch

log = logging.getLogger("seqclf")

# What torch says of it: the GPU's allocator and cuBLAS, the CPU's.
SAID = ("out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "can't allocate memory", "Cannot allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, a GPU's or the machine's."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in SAID)


class Halving:
    """Reads a batch in halves, quarters, ... as soon as it does not fit into memory.

    The vectors of the records of one part after another are computed, all of them meet in one loss, and going back
    each part is computed once more (Chen et al. 2016, https://arxiv.org/abs/1604.06174; the gradient cache of Gao et
    al. 2021, https://arxiv.org/abs/2101.06983): one part's activations are there at a time, and any loss, with any
    weights, has the gradient of the whole batch. Dropout draws other noise for parts than for the whole.

    Attributes:
        most: how many tokens a part may hold; None until memory ran out for the first time.
    """

    def __init__(self) -> None:
        self.most: int | None = None

    def step(
        self,
        loss_of: Callable[[RecordBatch], Tensor],
        batch: RecordBatch,
        parameters: Iterable[nn.Parameter],
        again: Callable[[], AbstractContextManager[Any]] = nullcontext,
        scale: float = 1.0,
    ) -> Tensor:
        """The loss of a batch; its gradients are computed at once, where running out of memory can be mended.

        Args:
            loss_of: gives the loss; what of it needs memory goes through `encode`.
            batch: to be read.
            parameters: those whose gradients are wanted.
            again: around a reading of a batch that was read to its end before.
            scale: of the loss while its gradients are computed, for those of 16 bits.

        Returns:
            The loss, a scalar; `backward` hands the gradients on.
        """
        wanted = [parameter for parameter in parameters if parameter.requires_grad]
        around: Callable[[], AbstractContextManager[Any]] = nullcontext
        noise = torch.get_rng_state()
        while True:
            try:
                torch.set_rng_state(noise)  # what is drawn for the whole batch is the same at every attempt
                with around():
                    loss = loss_of(batch)
                around = again
                gradients = torch.autograd.grad(loss * scale, wanted, allow_unused=True)
                known: Tensor = _Known.apply(loss.detach(), scale, gradients, *wanted)  # type: ignore[no-untyped-call]
                return known
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or not self._halve(batch):
                    raise
            loss = gradients = None  # type: ignore[assignment]  # or the graph of what failed would stay
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def encode(self, encode: Callable[[RecordBatch], Tensor], batch: RecordBatch) -> Tensor:
        """The vectors of a batch's records `(B, *)`, in as many parts as memory needs."""
        parts = self.cut(batch)
        if len(parts) == 1:
            return encode(batch)

        def read(_: Tensor, part: RecordBatch) -> Tensor:  # the tensor tells whose noise is to be drawn again
            return encode(part)

        vectors = [
            checkpoint(read, next(iter(part.tokens.values())).values, part, use_reentrant=False) for part in parts
        ]
        return torch.cat(vectors)

    def cut(self, batch: RecordBatch) -> list[RecordBatch]:
        """The batch in 1, 2, 4, ... parts of as many records, of which none holds more tokens than it may."""
        count, parts = 1, [batch]
        while self.most is not None and count < len(batch) and max(part.num_tokens for part in parts) > self.most:
            count = min(2 * count, len(batch))
            edges = [number * len(batch) // count for number in range(count + 1)]
            parts = [batch.part(start, stop) for start, stop in pairwise(edges)]
        return parts

    def _halve(self, batch: RecordBatch) -> bool:
        """Have less in memory at once; whether that is possible."""
        parts = self.cut(batch)
        if len(parts) == len(batch):
            return False
        self.most = max(part.num_tokens for part in parts) // 2
        log.warning(
            "Out of memory with %d records of %d tokens: from now on at most %d tokens are read at once (or one "
            "record); the step stays that of the whole batch.",
            len(batch) // len(parts),
            max(part.num_tokens for part in parts),
            self.most,
        )
        return True


class _Known(torch.autograd.Function):
    """A loss whose gradients are there already."""

    @staticmethod
    def forward(context: Any, loss: Tensor, scale: float, gradients: tuple[Tensor | None, ...], *_: Tensor) -> Tensor:
        context.scale, context.gradients = scale, gradients
        return loss.clone()

    @staticmethod
    def backward(context: Any, *share: Tensor) -> tuple[Tensor | None, ...]:
        factor = share[0] / context.scale
        scaled = (None if gradient is None else gradient * factor.to(gradient.dtype) for gradient in context.gradients)
        return (None, None, None, *scaled)
