"""Which records make up which batch."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from torch.utils.data import Sampler

from seqclf.data.balance import balanced_order
from seqclf.errors import UserError
from seqclf.ragged import IntArray

WINDOW = 50  # batches whose records are sorted by length together, at most
WINDOWS = 10  # windows of an epoch, at least: with fewer, the same records would meet in every epoch

Order: TypeAlias = npt.NDArray[np.int32] | npt.NDArray[np.int64]


class BatchSampler(Sampler[IntArray]):
    """Batches of records of like length, planned for all ranks at once.

    In training the records are shuffled, sorted by length inside windows of at most 50 batches, cut into batches, and
    the batches are shuffled; each rank takes every n-th record of a global batch, and records that do not fill the last
    round of ranks are left out. In evaluation (`shuffle=False`) the longest records come first, each rank takes every
    n-th of them, so that none is idle, and nothing is left out. The order depends on `seed` and the epoch alone.

    Args:
        lengths: tokens of each record `(R,)`.
        batch_size: how many records a batch holds at most, on each rank.
        max_tokens: how many tokens a batch holds at most, on each rank; a longer record is a batch of its own.
        seed: of the order.
        shuffle: True to train, False to evaluate.
        rank: which process this is.
        world_size: how many processes share the records.
        classes: the class of each record `(R,)`, to train on every class equally often (`balanced_order`); None to
            train on every record once an epoch.

    Raises:
        UserError: for batches that could hold nothing.
    """

    def __init__(
        self,
        lengths: npt.NDArray[np.int32],
        batch_size: int,
        max_tokens: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        rank: int = 0,
        world_size: int = 1,
        classes: IntArray | None = None,
    ) -> None:
        if batch_size < 1 or (max_tokens is not None and max_tokens < 1):
            raise UserError(
                "data.batch_size and data.max_tokens must be at least 1 (data.max_tokens=null: no such bound), but are "
                f"{batch_size} and {max_tokens}."
            )
        self.lengths = np.asarray(lengths, dtype=np.int32)
        self.batch_size = batch_size
        self.max_tokens = max_tokens
        self.seed = seed
        self.shuffle = shuffle
        self.rank = rank
        self.world_size = world_size
        self.classes = classes
        self.epoch = 0
        self.skip = 0
        self._planned: tuple[int, list[Order]] | None = None
        self._number: int | None = None

    def set_epoch(self, epoch: int, skip: int | None = None) -> None:
        """Go to an epoch, and in it behind `skip` batches that are done; None keeps what is set for this epoch.

        The skip holds until the epoch changes: loaders with persistent workers ask for two iterators an epoch.
        """
        self.skip = skip if skip is not None else self.skip if epoch == self.epoch else 0
        self.epoch = epoch

    def __len__(self) -> int:
        """How many batches this rank has in this epoch, those that are skipped among them."""
        return len(self._batches())

    def __iter__(self) -> Iterator[IntArray]:
        """The record indices `(batch,)` of one batch after another."""
        return (batch.astype(np.int64) for batch in self._batches()[self.skip :])

    def batch(self, number: int) -> IntArray:
        """The record indices `(batch,)` of one batch of this epoch, counted from 0, skipped or not."""
        return self._batches()[number].astype(np.int64)

    def _batches(self) -> list[Order]:
        epoch = self.epoch if self.shuffle else 0
        if self._planned is None or self._planned[0] != epoch:
            self._planned = epoch, self._train(epoch) if self.shuffle else self._evaluate()
        return self._planned[1]

    def _train(self, epoch: int) -> list[Order]:
        rng = np.random.default_rng((self.seed, epoch))
        rounds, edges = self._windows(rng)
        if self.max_tokens is not None:
            self._number = self._number or self._same_number()
            edges = _divide(edges, self._number)
        batches = [rounds[start:stop, self.rank] for start, stop in pairwise(edges)]
        return [batches[place] for place in rng.permutation(len(batches))[: self._number]]

    def _evaluate(self) -> list[Order]:
        order = np.argsort(-self.lengths, kind="stable")[self.rank :: self.world_size]
        edges = self._edges(order, window=len(order))
        return [order[start:stop] for start, stop in pairwise(edges)]

    def _window(self) -> int:
        """How many rounds are sorted together."""
        batches = len(self.lengths) // (self.world_size * self.batch_size)
        return min(WINDOW, max(1, batches // WINDOWS)) * self.batch_size

    def _windows(self, rng: np.random.Generator) -> tuple[Order, list[int]]:
        """The records, shuffled and sorted inside windows, in rounds of one for each rank; the edges of the batches."""
        world, window = self.world_size, self._window()
        count = len(self.lengths) // world
        order = self._shuffled(rng) if self.classes is None else balanced_order(self.classes, rng)
        order = order[: count * world]
        for start in range(0, len(order), window * world):  # in place: of a billion records each array is 4 GB
            own = order[start : start + window * world]
            own[:] = own[np.argsort(self.lengths[own], kind="stable")]
        rounds = order.reshape(count, world)
        return rounds, self._edges(rounds[:, -1], window)

    def _shuffled(self, rng: np.random.Generator) -> Order:
        """All records, in half of the memory of `rng.permutation` where their numbers are small enough."""
        count = len(self.lengths)
        order: Order = np.arange(count, dtype=np.int32) if count < 2**31 else np.arange(count, dtype=np.int64)
        rng.shuffle(order)
        return order

    def _edges(self, longest: Order, window: int) -> list[int]:
        """Where each batch of rounds begins, and the end, from the longest record of each; none crosses a window."""
        count = len(longest)
        if self.max_tokens is None:
            return [*range(0, count, self.batch_size), count]
        total = np.cumsum(self.lengths[longest])
        edges, before = [0], 0
        while edges[-1] < count:
            start = edges[-1]
            most = min(start + self.batch_size, start - start % window + window, count)
            full = int(np.searchsorted(total[start:most], before + self.max_tokens, side="right"))
            edges.append(start + max(full, 1))
            before = int(total[edges[-1] - 1])
        return edges

    def _same_number(self) -> int:
        """How many batches every epoch has, since a trainer counts on the number of the first.

        Batches that are cut by tokens vary by a few from epoch to epoch: there is room for one more in each window.
        """
        rounds, edges = self._windows(np.random.default_rng((self.seed, 0)))
        windows = -(-len(rounds) // self._window())
        return min(len(edges) - 1 + windows, len(rounds))


def _divide(edges: list[int], number: int) -> list[int]:
    """Halve the largest batches until there are as many as asked for."""
    cut = np.array(edges)
    while len(cut) <= number:
        sizes = np.diff(cut)
        largest = np.argsort(-sizes, kind="stable")[: number + 1 - len(cut)]
        largest = largest[sizes[largest] > 1]
        cut = np.sort(np.append(cut, cut[largest] + sizes[largest] // 2))
    halved: list[int] = cut.tolist()
    return halved
