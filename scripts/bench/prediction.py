"""From records to probabilities: numbered records, texts and files against the bare forward pass over ready batches."""

from __future__ import annotations

import statistics
import tempfile
from collections import deque
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from pyarrow.parquet import write_table

from bench.measure import Bench, in_turn, ratios, taken_by
from seqclf import compose
from seqclf.batch import RecordBatch
from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.files import open_table
from seqclf.data.indexing import index_records
from seqclf.inference.predict import outputs_of, probabilities
from seqclf.inference.predict_table import write_predictions
from seqclf.run.compose import plain
from seqclf.run.open_data import open_data

RECORDS = 4000  # that are predicted; predicted=N
SIZES = (64, 256, 512)  # of the batches that lie ready; the fastest counts
AIM = 0.95  # of the forward pass, on ag_news


def measure(bench: Bench) -> None:
    """Four ways in turn; the model is not trained."""
    for data, overrides in bench.sets().items():
        for model in bench.models:
            config = plain(compose(*overrides, f"encoder={model}", "wide=none"))
            source, store = open_data(config)
            network = build_classifier(config, store.vocabulary).eval()
            table = source.tables().train
            assert table is not None
            count = int(bench.typed.get("predicted", RECORDS))
            texts = [row.values for row in islice(table.select(network.vocab.columns), count)]
            with tempfile.TemporaryDirectory() as folder:
                found = in_turn(ways(network, texts, Path(folder)), bench.rounds)
            rates = {way: len(texts) / statistics.median(seconds) for way, seconds in found.items()}
            beside = ", ".join(f"{way} {rate:,.0f}/s" for way, rate in rates.items())
            for way in ("numbered", "texts"):
                aim = AIM if data == "ag_news" and model in ("lstm", "cnn") else None
                share = ratios(found["forward"], found[way])
                bench.keep("prediction", f"{model}, {data}, from {way}", share, aim, beside)


def ways(network: SequenceClassifier, texts: list[tuple[str, ...]], folder: Path) -> dict[str, Callable[[], float]]:
    """The ways to predict these records, each returning its seconds."""
    records = index_records(network.vocab, texts)
    order = np.argsort(-records.lengths, kind="stable")
    ready = {size: [records.batch(order[at : at + size]) for at in range(0, len(order), size)] for size in SIZES}
    file = folder / "records.parquet"
    write_table(pa.table(dict(zip(network.vocab.columns, zip(*texts, strict=True), strict=True))), file)
    return {
        "forward": lambda: min(taken_by(partial(forward, network, batches)) for batches in ready.values()),
        "numbered": lambda: taken_by(lambda: exhaust(outputs_of(network, records))),
        "texts": lambda: taken_by(lambda: probabilities(network, texts)),
        "files": lambda: taken_by(lambda: write_predictions(network, open_table(file), folder / "predictions.csv")),
    }


def exhaust(items: Any) -> None:
    """Take all of them."""
    deque(items, 0)


@torch.inference_mode()
def forward(model: SequenceClassifier, batches: list[RecordBatch]) -> None:
    """The bare forward pass."""
    for batch in batches:
        model(batch)["class_probabilities"]
