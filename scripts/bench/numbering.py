"""Text to ids: the numbering pass of a store, writing included, against the `tokenizers` library alone.

The library gets the same texts in lists of 4,096, has as many threads as the store, and its ids stay where they are.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pyarrow.parquet import write_table
from tokenizers import Tokenizer

from bench.measure import Bench, in_turn, ratios, taken_by
from seqclf import compose
from seqclf.data.files import open_table
from seqclf.data.table import Table
from seqclf.run.compose import plain
from seqclf.run.open_data import open_data

TIMES = 4  # how often the records are repeated
LIST = 4096


def measure(bench: Bench) -> None:
    """The passes of a store in MB of text a second, and the numbering pass against the library."""
    for data, overrides in bench.sets().items():
        source, _ = open_data(plain(compose(*overrides)))
        table = source.tables().train
        assert table is not None
        columns = [column for column in table.columns if column != "label"]
        rows = [row.values for row in table.select([*columns, "label"])] * TIMES
        megabytes = sum(len(text.encode()) for row in rows for text in row[:-1]) / 1e6
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "train.parquet"
            write_table(pa.table(dict(zip([*columns, "label"], zip(*rows, strict=True), strict=True))), file)
            passes, found = measured(bench, file, columns, Path(folder))
        numbering = [whole - reading for whole, reading in zip(passes["numbers"], found["reading"], strict=True)]
        speed = {name: megabytes / min(seconds) for name, seconds in {**passes, **found, "net": numbering}.items()}
        beside = (
            f"{megabytes:.0f} MB: numbering and writing {speed['net']:.1f} MB/s, tokenizers {speed['tokenizers']:.1f}; "
            f"apart: reading {speed['reading']:.0f}, labels {speed['labels']:.1f}, words {speed['words']:.1f}"
        )
        bench.keep("numbering", f"{data}, {bench.clock}", ratios(found["tokenizers"], numbering), 0.95, beside)


def measured(
    bench: Bench, file: Path, columns: list[str], folder: Path
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Seconds of the store's passes, and of reading the records and of the library, round by round."""
    passes: dict[str, list[float]] = {"labels": [], "words": [], "numbers": []}
    typed = ["data=files", f"data.train={file}", "data.validation_size=100"]
    config = plain(compose(*typed))
    tokenizer = open_data(config)[1].vocabulary.tokenizer
    caches = (folder / f"cache-{number}" for number in range(100))

    def build() -> float:
        os.environ["SEQCLF_CACHE"] = str(next(caches))
        _, store = open_data(config)
        for name, seconds in store.report["seconds"].items():
            passes[name].append(seconds)
        return float(sum(store.report["seconds"].values()))

    table = open_table(file)
    found = in_turn(
        {
            "store": build,
            "reading": lambda: taken_by(lambda: [None for _ in table.select(columns)]),
            "tokenizers": lambda: library(tokenizer, table, columns),
        },
        bench.rounds,
    )
    return {name: seconds[1:] for name, seconds in passes.items()}, found


def library(tokenizer: Tokenizer, table: Table, columns: list[str]) -> float:
    """Seconds that the library takes for all texts of a table."""
    seconds = 0.0
    for texts in lists_of(text for row in table.select(columns) for text in row.values):
        seconds += taken_by(partial(tokenizer.encode_batch_fast, texts, add_special_tokens=False))
    return seconds


def lists_of(texts: Iterator[str]) -> Iterator[list[str]]:
    """The texts in lists."""
    while found := list(islice(texts, LIST)):
        yield found
