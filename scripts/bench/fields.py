"""Ragged fields against rectangles: a step of training of the same model on the same records.

The rectangle `(B, F, T)` is the one that exported models read: every field of every record as long as the longest of
the batch, whether it is there or not. Both give the same logits, which is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from bench.made_up import Steps, classifier, records, vocabulary
from bench.measure import Bench, in_turn, ratios, taken_by
from seqclf.batch import RecordBatch
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.records import IndexedRecords
from seqclf.data.sampler import BatchSampler
from seqclf.nn.tokens_to_logits import TokensToLogits
from seqclf.padded import Padded, PaddedRows
from seqclf.ragged import IntArray

WORDS, BATCH, BATCHES = 20_000, 32, 1
# What a sketch of the ragged encoder reached against the rectangle.
AIMS = {
    "3 fields": {"lstm": 4.8, "cnn": 5.3, "transformer": 21.0},
    "3 longer fields": {"lstm": 4.8, "cnn": 5.3, "transformer": 21.0},
    "8 fields": {"lstm": 10.6, "cnn": 9.6},
    "sentences": {"lstm": 6.5, "cnn": 3.7},
}
ALONE = 0.95  # of each field hand-padded alone


def lengths_of(kind: str, count: int, rng: np.random.Generator) -> IntArray:
    """How many tokens each field of each record has `(R, F)`, 0 where it is missing."""
    long = np.clip(np.rint(80 * rng.lognormal(0, 0.5, count)), 1, 250).astype(np.int64)
    if kind == "2 fields":
        return np.stack([rng.integers(4, 15, count), np.clip(long // 2, 5, 120)], axis=1)
    if kind in ("3 fields", "3 longer fields"):
        long = long if kind == "3 fields" else 3 * long
        table = np.stack([rng.integers(1, 7, count), rng.integers(4, 21, count), long], axis=1)
        table[:, 1:][rng.random((count, 2)) < 0.2] = 0
        return table
    if kind == "8 fields":
        table = np.stack([*(rng.integers(1, top, count) for top in (4, 4, 8, 8, 16, 16, 32)), long], axis=1)
        table[:, 1:][rng.random((count, 7)) < 0.5] = 0
        return table
    sentences = rng.integers(1, 31, count)
    table = np.clip(np.rint(15 * rng.lognormal(0, 0.5, (count, 30))), 1, 50).astype(np.int64)
    table[np.arange(30) >= sentences[:, None]] = 0
    return table


def measure(bench: Bench) -> None:
    """Ragged and rectangle in turn; batches of like length, as training draws them, and as they come; `shapes=KIND`."""
    torch.manual_seed(1)
    wanted = bench.typed.get("shapes", ",".join([*AIMS, "2 fields"])).split(",")
    for kind in [kind for kind in AIMS if kind in wanted]:
        table = lengths_of(kind, 50 * BATCH, np.random.default_rng(1))
        made = records(table, WORDS)
        for drawn, sampler in {
            "as they come": iter(np.random.default_rng(2).permutation(len(made)).reshape(-1, BATCH)),
            "of like length": iter(BatchSampler(made.lengths, BATCH, seed=1)),
        }.items():
            batches = [made.batch(next(sampler)) for _ in range(BATCHES)]
            for model in bench.models:
                if model != "bag":
                    aim = AIMS[kind].get(model) if drawn == "as they come" else None
                    against_rectangle(bench, f"{model}, {kind}, batches {drawn}", model, batches, table.shape[1], aim)
    made = records(lengths_of("2 fields", 50 * BATCH, np.random.default_rng(1)), WORDS)
    for model in bench.models:
        if model != "bag" and "2 fields" in wanted:
            against_hand_padded(bench, model, made)


def against_rectangle(
    bench: Bench, name: str, encoder: str, batches: list[RecordBatch], fields: int, aim: float | None
) -> None:
    """One figure: how many times as fast the ragged step is."""
    model = classifier(vocabulary(WORDS, fields=fields), f"encoder={encoder}", "wide=none")
    shapes = [rectangle(batch, fields) for batch in batches]
    graph = TokensToLogits(model)
    padded = [partial(graph, *shape) for shape in shapes]
    cells, real = sum(tokens.numel() for tokens, _ in shapes), sum(batch.num_tokens for batch in batches)
    compare(bench, name, model, batches, padded, aim, f"{cells / real:.1f} cells of the rectangle a token")


def against_hand_padded(bench: Bench, encoder: str, made: IndexedRecords) -> None:
    """One figure: ragged against two encoder calls, each field padded alone, which any program of two fields does."""
    sampler = iter(BatchSampler(made.lengths, BATCH, seed=1))
    batches = [made.batch(next(sampler)) for _ in range(6 * BATCHES)]
    model = classifier(vocabulary(WORDS, fields=2), f"encoder={encoder}", "wide=none")
    padded = [partial(by_hand, model, each_padded(batch)) for batch in batches]
    compare(bench, f"{encoder}, 2 fields, each padded by hand", model, batches, padded, ALONE, "")


def compare(
    bench: Bench,
    name: str,
    model: SequenceClassifier,
    batches: Sequence[RecordBatch],
    padded: Sequence[Callable[[], Tensor]],
    aim: float | None,
    beside: str,
) -> None:
    """Steps of the model as it is and of one that gives the logits `(B, C)` of each batch otherwise, in turn.

    Raises:
        RuntimeError: where the two do not compute the same.
    """
    model.eval()
    with torch.no_grad():
        for batch, other in zip(batches, padded, strict=True):
            difference = float((logits_of(model, batch) - other()).abs().max())
            if difference > 1e-4:
                raise RuntimeError(f"{name}: the logits differ by {difference}")
    steps = Steps(model)
    labels = [batch.labels for batch in batches]
    ragged = partial(steps.take, [partial(logits_of, model, batch) for batch in batches], labels)
    found = in_turn(
        {"ragged": partial(taken_by, ragged), "other": partial(taken_by, partial(steps.take, padded, labels))},
        bench.rounds,
    )
    bench.keep("fields", name, ratios(found["other"], found["ragged"]), aim, beside)


def logits_of(model: SequenceClassifier, batch: RecordBatch) -> Tensor:
    """Of the model as it is; indices and plans of chunks are made anew, as for a batch that was not seen before."""
    for rows in (batch.records, *(ragged.rows for ragged in batch.tokens.values())):
        rows.kept.clear()
    return model.head(model.forward_tokens(batch))


def rectangle(batch: RecordBatch, fields: int) -> tuple[Tensor, Tensor]:
    """Ids `(B, F, T)`, the fields that are there first, and which field each is `(B, F)`."""
    ids = batch.tokens["tokens"]
    tokens = torch.zeros(len(batch), fields, int(ids.rows.lengths.max()), dtype=torch.int64)
    numbers = torch.zeros(len(batch), fields, dtype=torch.int64)
    of_fields = batch.records.positions
    assert of_fields is not None
    padded = ids.to_padded()
    for record in range(len(batch)):
        first, last = batch.records.offsets[record : record + 2]
        tokens[record, : last - first] = padded[first:last]
        numbers[record, : last - first] = torch.from_numpy(of_fields[first:last])
    return tokens, numbers


def each_padded(batch: RecordBatch) -> list[Padded]:
    """The two fields of every record as rectangles of their own."""
    ids = batch.tokens["tokens"]
    padded, lengths = ids.to_padded(), torch.from_numpy(ids.rows.lengths)
    made = []
    for start in (0, 1):
        real = lengths[start::2]
        cells = padded[start::2, : int(real.max())]
        made.append(Padded(cells.flatten(), PaddedRows(real, cells.shape[1])))
    return made


def by_hand(model: SequenceClassifier, fields: Sequence[Padded]) -> Tensor:
    """Logits `(B, C)`: the encoder called once for each field, and the mean of both vectors."""
    vectors = [model.dropout(model.seq2vec_encoder(model.text_field_embedder({"tokens": ids}))) for ids in fields]
    return model.head(torch.stack(vectors).mean(dim=0))
