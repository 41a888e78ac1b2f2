"""Word n-grams without a vocabulary of them: hashed into a table of fixed size."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from seqclf.padded import Padded
from seqclf.ragged import Ragged, Rows, host_to_device

# Odd 64-bit constants, as signed numbers: the golden ratio, and the multipliers of MurmurHash3's finaliser.
GOLDEN = 0x9E3779B97F4A7C15 - 2**64
MULTIPLIERS = (0xFF51AFD7ED558CCD - 2**64, 0xC4CEB9FE1A85EC53 - 2**64)
LOW_31_BITS = 2**31 - 1


def mix(x: Tensor) -> Tensor:
    """Spread every bit of 64-bit integers over all of them (the finaliser of Austin Appleby's MurmurHash3)."""
    for multiplier in MULTIPLIERS:
        x = (x ^ _high_bits(x)) * multiplier
    return x ^ _high_bits(x)


def _high_bits(x: Tensor) -> Tensor:
    return x >> 33 & LOW_31_BITS  # torch shifts copies of the sign in: off with them


def extend(hashes: Tensor, ids: Tensor) -> Tensor:
    """Hashes of n-grams from those of their first n - 1 words, `(M,)`, and the ids of their last, `(M,)`.

    `h(w1) = w1` and `h(w1 ... wn) = mix(h(w1 ... wn-1) * GOLDEN + wn)`, in 64-bit integers that wrap around.
    """
    return mix(hashes * GOLDEN + ids)


class HashedNgrams(nn.Module):
    """Vectors for the n-grams that end at each token, as in fastText (Joulin et al. 2016).

    An n-gram's vector is row `h mod buckets` of a table, where `extend` says what `h` is. An n-gram lies within its
    row: none ends at the first token. The table starts at zero: an n-gram that training never met adds nothing.

    Args:
        embedding_dim: width of the vectors, `D`.
        longest: the largest n; the smallest is 2.
        buckets: rows of the table.
        sparse: whether the table gets sparse gradients.
    """

    def __init__(self, embedding_dim: int, longest: int, buckets: int, sparse: bool = False) -> None:
        super().__init__()
        self.longest = longest
        self.embedding = nn.Embedding(buckets, embedding_dim, sparse=sparse)
        nn.init.zeros_(self.embedding.weight)

    def forward(self, ids: Ragged, onto: Tensor) -> Tensor:
        """Add to each vector those of the n-grams that end there.

        Args:
            ids: rows of ids `(N,)`.
            onto: one vector per token, `(N, D)`; they are changed.

        Returns:
            `(N, D)`.
        """
        if isinstance(ids, Padded):
            for hashes, there in padded_ngrams(ids, self.longest):
                vectors = self.embedding(hashes.flatten() % self.embedding.num_embeddings)
                onto = onto + vectors.masked_fill(~there.flatten().unsqueeze(1), 0.0)
            return onto
        hashes, ends = ngram_hashes(ids, self.longest)
        vectors = self.embedding(hashes % self.embedding.num_embeddings)
        return onto.index_add_(0, ends, vectors)


def ngram_hashes(ids: Ragged, longest: int, shortest: int = 2) -> tuple[Tensor, Tensor]:
    """What `extend` makes of all n-grams of the rows, those of `shortest` words first.

    Args:
        ids: rows of ids `(N,)`.
        longest: the largest n.
        shortest: the smallest n.

    Returns:
        The hashes `(M,)`, and the token that each n-gram ends at `(M,)`.
    """
    words = ids.values.long()
    hashes, found, ends = words, [], []
    for n in range(1, longest + 1):
        if n > 1:
            hashes = extend(hashes[:-1], words[n - 1 :])  # of the n words from each token on, whatever their rows
        if n >= shortest:
            starts = ngram_starts(ids.rows, n, ids.device)
            found.append(hashes.index_select(0, starts))
            ends.append(starts + (n - 1))
    return torch.cat(found), torch.cat(ends)


def padded_ngrams(ids: Padded, longest: int) -> list[tuple[Tensor, Tensor]]:
    """For each n the hashes of the n-grams that end at each cell `(S, L)`, and whether there is one `(S, L)`."""
    words = ids.rectangle().long()
    places = torch.arange(ids.rows.longest, device=ids.device)
    hashes, found = words, []
    for n in range(2, longest + 1):
        hashes = extend(pad(hashes, (1, 0))[:, :-1], words)
        found.append((hashes, ids.rows.real & (places >= n - 1)))
    return found


def ngram_starts(rows: Rows, n: int, device: torch.device) -> Tensor:
    """The values with which an n-gram of their row begins, `(M,)`, kept beside the rows."""
    key = ("ngrams", n, device)
    if key not in rows.kept:
        still_to_come = np.repeat(rows.offsets[1:], rows.lengths) - np.arange(
            rows.num_values
        )  # from here on, in the row
        rows.kept[key] = host_to_device(np.flatnonzero(still_to_come >= n), device)
    starts: Tensor = rows.kept[key]
    return starts
