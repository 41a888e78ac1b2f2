"""How a store is filled: three readings of the training table, each in bounded memory."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqclf.data.cache import sync
from seqclf.data.columns import fit_columns
from seqclf.data.scan import Progress, Scan
from seqclf.data.split import validation_mask
from seqclf.data.store_reading import Reading, ReadingHere
from seqclf.data.store_report import report_on
from seqclf.data.store_settings import Settings
from seqclf.data.store_shards import Each, ReadingByShards
from seqclf.errors import UserError
from seqclf.text.columns import to_plain, with_tokens
from seqclf.text.frame import frame_to_plain
from seqclf.text.vocabulary import WORD_INDEXERS, Vocabulary
from seqclf.text.word_indexer import WordIndexer

META = "meta.json"


def fill_store(folder: Path, settings: Settings, progress: Progress, each: Each | None = None) -> None:
    """Read the tables and write their records into an empty folder.

    First every table is read for its labels, then the training records for their words, then everything is numbered.

    Args:
        folder: an empty folder.
        settings: what to read, and how.
        progress: told now and then how far it is.
        each: has other processes read the tables, shard by shard; None to read them here.

    Raises:
        UserError: for records that cannot be trained on.
    """
    clock = _Clock()
    reading = ReadingHere(settings, progress) if each is None else ReadingByShards(settings, progress, each)
    scans = _scan_all(reading)
    in_validation = _cut(settings, scans["train"])
    clock.lap("labels")
    vocabulary = _fit(reading, scans["train"], ~in_validation)
    clock.lap("words")
    written = reading.number(folder, scans, in_validation, vocabulary)
    clock.lap("numbers")
    vocabulary.save(folder)
    sizes = {str(file.relative_to(folder)): file.stat().st_size for file in folder.rglob("*") if file.is_file()}
    meta = {
        "fields": vocabulary.fields,
        "columns": vocabulary.columns,
        "label_separator": vocabulary.label_separator,
        "join_fields": vocabulary.join_fields,
        "word_indexers": list(vocabulary.word_indexers),
        "segment": vocabulary.segment,
        "kinds": to_plain(vocabulary.kinds),
        "frame": frame_to_plain(vocabulary.frame),
        "cross": vocabulary.cross,
        "report": report_on(scans, in_validation, written, vocabulary, clock.laps),
        "sizes": sizes,
    }
    (folder / META).write_text(json.dumps(meta, indent=1), encoding="utf-8")
    for path in folder.rglob("*"):
        sync(path)


def is_whole(folder: Path) -> bool:
    """Whether every file of a store is there in its full size."""
    try:
        sizes = json.loads((folder / META).read_text(encoding="utf-8"))["sizes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self._last = now - self._last, now


def _scan_all(reading: Reading) -> dict[str, Scan]:
    settings = reading.settings
    tables, label = settings.tables, settings.tables.label
    if tables.train is None or label is None:
        raise UserError("There is nothing to train on: data.train must name a table and data.label its label column.")
    scans = {split: reading.scan(split) for split in settings.named_tables()}
    names = scans["train"].names if settings.start is None else [*settings.start.labels, *scans["train"].names]
    if not names:
        raise UserError(f"{tables.train.name}: no record has a label in column {label!r}: there is nothing to learn.")
    if len(set(names)) < 2 and settings.label_separator is None:
        raise UserError(
            f"{tables.train.name}: every record has the label {names[0]!r} in column {label!r}. A classifier needs at "
            "least two classes."
        )
    return scans


def _cut(settings: Settings, train: Scan) -> npt.NDArray[np.bool_]:
    if settings.tables.validation is not None or train.labels is None:
        return np.zeros(len(train), dtype=np.bool_)
    labels = train.labels if settings.label_separator is None else train.rarest()
    return validation_mask(labels, settings.validation_size, settings.split_seed)


def _fit(reading: Reading, train: Scan, chosen: npt.NDArray[np.bool_]) -> Vocabulary:
    """Words and labels of the chosen training records `(R,)`."""
    settings = reading.settings
    start, separator = settings.start, settings.label_separator
    tokenizer, words = reading.learn(chosen)
    if start is not None:
        labels = [*start.labels, *sorted(set(train.names) - set(start.labels))]
        indexers = {name: indexer.grow(words) for name, indexer in start.word_indexers.items()}
    else:
        labels = train.names
        indexers = {name: _fitted(name, words, options) for name, options in settings.word_indexers.items()}
    known = None if start is None else start.kinds
    tables = settings.tables
    kinds, tokens = fit_columns(settings.named_tables(), tables.kinds, chosen, known)
    return Vocabulary(
        with_tokens(tokenizer, tokens),
        labels,
        tables.fields,
        settings.join_fields,
        tables.text,
        indexers,
        settings.segment,
        separator,
        kinds,
        settings.tokenization.frame if start is None else start.frame,
        settings.cross,
    )


def _fitted(name: str, words: Mapping[str, int], options: Mapping[str, Any]) -> WordIndexer:
    """The indexer of the inside of words with this name, with the options that it has."""
    fit: Callable[..., WordIndexer] = WORD_INDEXERS[name].fit
    return fit(words, **options)
