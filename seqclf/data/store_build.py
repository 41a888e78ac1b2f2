"""How a store is filled: three readings of the training table, each in bounded memory."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqclf.data.cache import sync
from seqclf.data.columns import fit_columns
from seqclf.data.record_files import RecordsWriter
from seqclf.data.scan import TICK, Progress, Scan, scan
from seqclf.data.source import Tables
from seqclf.data.split import validation_mask
from seqclf.data.store_part import Part
from seqclf.data.store_report import report_on
from seqclf.data.table import Table
from seqclf.errors import UserError
from seqclf.text.columns import to_plain, with_tokens
from seqclf.text.frame import frame_to_plain
from seqclf.text.growth import grow
from seqclf.text.sentences import segments
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import WORD_INDEXERS, Vocabulary
from seqclf.text.word_indexer import WordIndexer

META = "meta.json"


@dataclass(frozen=True)
class Settings:
    """All that the content of a store depends on; the arguments of `build_store`."""

    tables: Tables
    tokenization: Tokenization
    validation_size: float
    split_seed: int
    join_fields: bool
    word_indexers: Mapping[str, Mapping[str, Any]]
    start: Vocabulary | None = None
    label_separator: str | None = None
    cross: bool = False

    @property
    def segment(self) -> str | None:
        """What each field is cut into; None where it is one sequence."""
        return self.tokenization.segment if self.start is None else self.start.segment

    def named_tables(self) -> dict[str, Table]:
        """The tables that there are, by split."""
        tables = {"train": self.tables.train, "validation": self.tables.validation, "test": self.tables.test}
        return {split: table for split, table in tables.items() if table is not None}

    def stamps(self) -> list[tuple[str, int, int] | None]:
        """What changes when a file is written to, for every table."""
        return [table.stamp() for table in self.named_tables().values()]

    def records(self, split: str, doing: str, progress: Progress) -> Iterator[tuple[str, ...]]:
        """The texts of every record of a table; progress is told what is being done."""
        table, done = self.named_tables()[split], 0
        for done, row in enumerate(table.select(self.tables.text), start=1):
            if done % TICK == 0:
                progress(f"{doing} {table.name}", done)
            yield row.values
        progress(f"{doing} {table.name}", done)


def fill_store(folder: Path, settings: Settings, progress: Progress) -> None:
    """Read the tables and write their records into an empty folder.

    First every table is read for its labels, then the training records for their words, then everything is numbered.

    Args:
        folder: an empty folder.
        settings: what to read, and how.
        progress: told now and then how far it is.

    Raises:
        UserError: for records that cannot be trained on.
    """
    clock = _Clock()
    scans = _scan_all(settings, progress)
    in_validation = _cut(settings, scans["train"])
    clock.lap("labels")
    vocabulary = _fit(settings, scans["train"], ~in_validation, progress)
    clock.lap("words")
    written = _number(folder, settings, scans, in_validation, vocabulary, progress)
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


def _scan_all(settings: Settings, progress: Progress) -> dict[str, Scan]:
    tables, label = settings.tables, settings.tables.label
    if tables.train is None or label is None:
        raise UserError("There is nothing to train on: data.train must name a table and data.label its label column.")
    scans, separator = {}, settings.label_separator
    for split, table in settings.named_tables().items():
        there = label if label in table.columns else None
        scans[split] = scan(table, tables.text, there, split != "test", progress, separator)
    names = scans["train"].names if settings.start is None else [*settings.start.labels, *scans["train"].names]
    if not names:
        raise UserError(f"{tables.train.name}: no record has a label in column {label!r}: there is nothing to learn.")
    if len(set(names)) < 2 and separator is None:
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


def _fit(settings: Settings, train: Scan, chosen: npt.NDArray[np.bool_], progress: Progress) -> Vocabulary:
    """Words and labels of the chosen training records `(R,)`; the order of the rows is of no account."""
    width = len(settings.tables.text) - len(settings.tables.kinds)  # the others are no text
    texts: Iterator[str] = (
        text
        for number, values in enumerate(settings.records("train", "counting the words of", progress))
        if chosen[number]
        for text in (values[:width] if settings.segment is None else chain.from_iterable(map(segments, values[:width])))
    )
    words: Counter[str] = Counter()
    cutting, start = settings.tokenization, settings.start
    tables, separator = settings.tables, settings.label_separator
    if settings.word_indexers:
        texts = _counting(texts, cutting.cut if start is None else start.cut, words)
    if start is not None:
        tokenizer = grow(start.tokenizer, texts, cutting.min_count, cutting.max_size)
        labels = [*start.labels, *sorted(set(train.names) - set(start.labels))]
        indexers = {name: indexer.grow(words) for name, indexer in start.word_indexers.items()}
    else:
        tokenizer, labels = cutting.train(texts), train.names
        indexers = {name: _fitted(name, words, options) for name, options in settings.word_indexers.items()}
    known = None if start is None else start.kinds
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
        cutting.frame if start is None else start.frame,
        settings.cross,
    )


def _fitted(name: str, words: Mapping[str, int], options: Mapping[str, Any]) -> WordIndexer:
    """The indexer of the inside of words with this name, with the options that it has."""
    fit: Callable[..., WordIndexer] = WORD_INDEXERS[name].fit
    return fit(words, **options)


def _counting(texts: Iterator[str], cut: Callable[[str], list[str]], words: Counter[str]) -> Iterator[str]:
    """Pass the texts on and count their words on the way."""
    for text in texts:
        words.update(cut(text))
        yield text


def _number(
    folder: Path,
    settings: Settings,
    scans: Mapping[str, Scan],
    in_validation: npt.NDArray[np.bool_],
    vocabulary: Vocabulary,
    progress: Progress,
) -> dict[str, RecordsWriter]:
    parts: dict[str, Part] = {}
    with ExitStack() as files:
        for split, found in scans.items():
            part = cut = parts[split] = files.enter_context(Part(folder / split, vocabulary, found))
            cuts = split == "train" and bool(in_validation.any())
            if cuts:
                cut = parts["validation"] = files.enter_context(Part(folder / "validation", vocabulary, found))
            for row, values in enumerate(settings.records(split, "numbering", progress)):
                (cut if cuts and in_validation[row] else part).add(row, values)
    return {split: part.writer for split, part in parts.items()}
