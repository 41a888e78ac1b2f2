"""A wide term taken apart: what each token adds to its margins."""

import torch
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.nn.hashed_ngrams import ngram_starts
from seqclf.nn.wide_ngrams import WideNgrams


@torch.no_grad()
def token_margins(wide: WideNgrams, batch: RecordBatch) -> Tensor:
    """What each token adds to the margins of its record; with the bias they add up to these.

    The words of an n-gram share alike in it; a character n-gram is its word's.

    Args:
        wide: the wide term.
        batch: `N` tokens.

    Returns:
        `(N, C)`.
    """
    rows = batch.tokens["tokens"].rows
    words, *characters = [_by_occurrence(wide, *block, len(batch.records)) for block in wide.blocks(batch)]
    margins, ngrams = words.tensor_split([rows.num_values])
    for n in range(2, wide.ngrams + 1):
        starts = ngram_starts(rows, n, margins.device)
        of_n, ngrams = ngrams.tensor_split([len(starts)])
        for place in range(n):
            margins.index_add_(0, starts + place, of_n / n)
    for of_characters in characters:
        _, token = wide.character_ngrams(batch.tokens)
        margins.index_add_(0, token, wide.char_weight * of_characters)
    return margins


def _by_occurrence(wide: WideNgrams, features: Tensor, record: Tensor, records: int) -> Tensor:
    """What each occurrence of a feature adds `(M, C)`, in the order of the occurrences."""
    _, values, _ = wide.weigh(features, record, records)  # those of one feature in one record are alike
    order = (record * len(wide.document_frequency) + features).argsort()
    in_order = torch.empty_like(values).index_copy_(0, order, values)
    return wide.weight.index_select(0, features) * in_order.unsqueeze(1)
