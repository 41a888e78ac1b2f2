"""How an encoder that wants rectangles reads ragged rows: a few chunks of rows of like length.

An encoder is a dense kernel and this shell around it. The kernel `dense(x (S, L, D), lengths (S,), positions (S, L))`
must be exact under zero padding; the shell sorts the rows by length, cuts them where that costs least, and puts the
results back in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from seqclf.padded import Padded
from seqclf.ragged import IntArray, Ragged, Rows, host_to_device

Kernel = Callable[[Tensor, Tensor, Tensor], Tensor]

# How much dearer than on a CPU one more chunk is: a GPU computes thousands of cells while it launches one.
DEVICE_OVERHEAD = {"cpu": 1, "cuda": 300}


@dataclass(frozen=True)
class Overhead:
    """What one more chunk costs an encoder beside its `rows * longest` cells: `cells + rows * longest` of them."""

    cells: int
    rows: int = 0  # what goes on at every step along a row, however many rows there are (a recurrent network's)


@dataclass(frozen=True)
class Chunk:
    """Rows that are computed as one rectangle `(rows, longest)`."""

    rows: int
    longest: int
    lengths: Tensor  # (rows,)
    positions: Tensor  # (rows, longest)
    full: bool  # whether no cell is padding


@dataclass(frozen=True)
class Plan:
    """The chunks of a batch, their cells laid one after another, and what lies where in them."""

    chunks: list[Chunk]
    cells: Tensor | None  # (N,) the cell of each value; None where value i lies in cell i and no cell is padding
    row_place: Tensor | None  # (rows,) where each row came to stand; None where they kept their order

    @property
    def sizes(self) -> list[int]:
        """How many cells each chunk has."""
        return [chunk.rows * chunk.longest for chunk in self.chunks]


def cut(lengths: IntArray, overhead: Overhead) -> list[tuple[int, int]]:
    """Cut rows sorted by length into chunks of the least total cost, by dynamic programming over distinct lengths.

    Args:
        lengths: `(rows,)`, not falling.
        overhead: what a chunk costs beside its cells.

    Returns:
        The first and last row (exclusive) of each chunk, in order.
    """
    starts = np.append(0, np.flatnonzero(np.diff(lengths)) + 1)  # the first row of each distinct length
    ends = np.append(starts[1:], len(lengths))
    best = np.zeros(len(starts) + 1)  # the least cost of all rows before this length
    begin = np.zeros(len(starts), dtype=np.int64)
    for last, longest in enumerate(lengths[starts]):
        cost = best[: last + 1] + (ends[last] - starts[: last + 1] + overhead.rows) * longest
        begin[last] = cost.argmin()
        best[last + 1] = cost[begin[last]] + overhead.cells
    pieces: list[tuple[int, int]] = []
    last = len(starts) - 1
    while last >= 0:
        pieces.append((int(starts[begin[last]]), int(ends[last])))
        last = int(begin[last]) - 1
    return pieces[::-1]


def plan(rows: Rows, device: torch.device, overhead: Overhead, shortest: int = 1) -> Plan:
    """The cheapest chunks for these rows, kept beside them: every layer over the same rows asks for the same plan.

    Args:
        rows: the rows to be computed.
        device: where the index tensors are needed.
        overhead: what a chunk costs beside its cells.
        shortest: rows are padded to at least this length (a convolution's widest filter).
    """
    key = ("plan", device, overhead, shortest)
    if key not in rows.kept:
        rows.kept[key] = _make_plan(rows, device, overhead, shortest)
    made: Plan = rows.kept[key]
    return made


def _make_plan(rows: Rows, device: torch.device, overhead: Overhead, shortest: int) -> Plan:
    dearer = DEVICE_OVERHEAD.get(device.type, 1)
    order = np.argsort(rows.lengths, kind="stable")
    widths = np.maximum(rows.lengths[order], shortest)
    pieces = cut(widths, Overhead(overhead.cells * dearer, overhead.rows * dearer))
    if len(pieces) == 1:
        order = np.arange(len(rows))
    for start, stop in pieces:
        widths[start:stop] = widths[stop - 1]
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    ends = np.cumsum(widths)
    first_cells = (ends - widths)[place]  # (rows,) the cell where each row begins
    cells = np.repeat(first_cells - rows.offsets[:-1], rows.lengths) + np.arange(rows.num_values)
    positions = np.zeros(ends[-1], dtype=np.int64)
    positions[cells] = rows.places() if rows.positions is None else rows.positions
    moved = bool((place[1:] < place[:-1]).any())
    return Plan(
        _make_chunks(pieces, widths, rows.lengths[order], host_to_device(positions, device)),
        host_to_device(cells, device) if moved or len(positions) > len(cells) else None,
        host_to_device(place, device) if moved else None,
    )


def _make_chunks(pieces: list[tuple[int, int]], widths: IntArray, real: IntArray, positions: Tensor) -> list[Chunk]:
    chunks, done, lengths = [], 0, host_to_device(real, positions.device)
    for start, stop in pieces:
        rows, longest = stop - start, int(widths[start])
        rectangle = positions[done : done + rows * longest].view(rows, longest)
        full = bool(real[start:stop].min() == longest)
        chunks.append(Chunk(rows, longest, lengths[start:stop], rectangle, full))
        done += rows * longest
    return chunks


def _run(kernel: Kernel, sequences: Ragged, chosen: Plan) -> list[Tensor]:
    cells = sequences.values
    width = cells.shape[1:]
    if chosen.cells is not None:
        cells = cells.new_zeros((sum(chosen.sizes), *width)).index_copy_(0, chosen.cells, cells)
    return [
        kernel(piece.view(chunk.rows, chunk.longest, *width), chunk.lengths, chunk.positions)
        for piece, chunk in zip(torch.split(cells, chosen.sizes), chosen.chunks, strict=True)
    ]


def to_vectors(kernel: Kernel, sequences: Ragged, overhead: Overhead, shortest: int = 1) -> Tensor:
    """Run a dense seq2vec kernel over ragged rows.

    Args:
        kernel: `(x (S, L, D), lengths (S,), positions (S, L)) -> (S, H)`, exact under its zero padding.
        sequences: rows of vectors `(N, D)`.
        overhead: what a chunk costs beside its cells.
        shortest: rows are padded to at least this length.

    Returns:
        One vector per row, in the order of the rows, `(S, H)`.
    """
    if isinstance(sequences, Padded):
        more = shortest - 1
        return kernel(sequences.rectangle(more=more), sequences.rows.row_lengths, sequences.positions(more))
    chosen = plan(sequences.rows, sequences.device, overhead, shortest)
    vectors = _run(kernel, sequences, chosen)
    out = vectors[0] if len(vectors) == 1 else torch.cat(vectors)
    return out if chosen.row_place is None else out.index_select(0, chosen.row_place)


def to_ragged(kernel: Kernel, sequences: Ragged, overhead: Overhead, shortest: int = 1) -> Ragged:
    """Run a dense seq2seq kernel over ragged rows.

    Args:
        kernel: `(x (S, L, D), lengths (S,), positions (S, L)) -> (S, L, H)`, exact under its zero padding.
        sequences: rows of vectors `(N, D)`.
        overhead: what a chunk costs beside its cells.
        shortest: rows are padded to at least this length.

    Returns:
        One vector per value `(N, H)`, over the same rows.
    """
    if isinstance(sequences, Padded):
        more = shortest - 1
        states = kernel(sequences.rectangle(more=more), sequences.rows.row_lengths, sequences.positions(more))
        return sequences.with_values(states[:, : sequences.rows.longest].flatten(0, 1))
    chosen = plan(sequences.rows, sequences.device, overhead, shortest)
    pieces = [out.flatten(0, 1) for out in _run(kernel, sequences, chosen)]
    joined = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
    return sequences.with_values(joined if chosen.cells is None else joined.index_select(0, chosen.cells))
