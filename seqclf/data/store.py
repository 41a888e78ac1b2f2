"""The store: all records of a run numbered once, in memory-mapped arrays."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import tokenizers

from seqclf.data.cache import cache_folder, ensure, fingerprint
from seqclf.data.record_files import open_records
from seqclf.data.records import IndexedRecords
from seqclf.data.scan import Progress
from seqclf.data.source import Source, Tables
from seqclf.data.store_build import META, fill_store, is_whole
from seqclf.data.store_report import remarks
from seqclf.data.store_settings import Settings
from seqclf.data.store_shards import Each
from seqclf.errors import UserError
from seqclf.text.columns import from_plain, to_plain
from seqclf.text.frame import frame_from_plain, frame_to_plain
from seqclf.text.label_sets import SEPARATOR
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

logger = logging.getLogger("seqclf")

FORMAT = 2  # raised whenever a store of before would be read wrongly


class Store:
    """Numbered records of every split, and what was fitted and counted when they were numbered.

    Args:
        folder: where `build_store` put it.

    Attributes:
        vocabulary: words and labels of the training split, and the fields.
        train: the training records.
        validation: the validation records; None where there are none.
        test: the test records; None where there are none.
        report: what was counted, in plain numbers by name.
    """

    def __init__(self, folder: Path) -> None:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        self.folder = folder
        self.report: dict[str, Any] = meta["report"]
        self.vocabulary = Vocabulary.load(
            folder,
            meta["fields"],
            meta["join_fields"],
            meta["columns"],
            meta["word_indexers"],
            meta["segment"],
            meta["label_separator"],
            from_plain(meta["kinds"]),
            frame_from_plain(meta["frame"]),
            meta["cross"],
        )
        self.train = self._open("train")
        self.validation = self._optional("validation")
        self.test = self._optional("test")

    def _optional(self, split: str) -> IndexedRecords | None:
        return self._open(split) if (self.folder / split).exists() else None

    def _open(self, split: str) -> IndexedRecords:
        return open_records(self.folder / split, self.vocabulary)


def build_store(
    source: Source,
    tokenization: Tokenization,
    validation_size: float = 0.1,
    split_seed: int = 13,
    join_fields: bool = False,
    start: Vocabulary | None = None,
    word_indexers: Mapping[str, Mapping[str, Any]] | None = None,
    cache: Path | None = None,
    progress: Progress | None = None,
    multilabel: bool = False,
    cross: bool = False,
    each: Each | None = None,
) -> Store:
    """Open the store of these records and settings; it is made where there is none, in bounded memory.

    Args:
        source: the tables.
        tokenization: how text is cut into words.
        validation_size: the validation part, cut from the training table where there is no validation table: below 1
            a share of its records, else how many there shall be.
        split_seed: which records that part takes.
        join_fields: whether the fields of a record become one sequence, with `[SEP]` between them.
        start: the vocabulary of a trained model; its words, labels and fields keep their numbers, new words and labels
            come behind, and text is cut as it says. None to fit one.
        word_indexers: what numbers the inside of words, by name (`characters`), and the options of each.
        cache: the folder for stores; None for the user's own.
        progress: called as `progress(what, rows)` while the store is made.
        multilabel: whether a record may have any number of labels.
        cross: whether the two records of a pair become one sequence.
        each: has other processes read the tables, each its own shards; the store is the same. None to read them here.

    Returns:
        The store; what deserves a word (labels not in training, records in both training and test) was logged.

    Raises:
        UserError: for records that cannot be trained on.
    """
    cache = cache_folder() if cache is None else Path(cache)
    tables = source.tables()
    inside = dict(sorted((word_indexers or {}).items()))
    _refuse(tables, tokenization, start, inside, cross)
    join_fields = cross or (join_fields and len(tables.fields) > 1)
    known = None if start is None else start.label_separator
    separator = (source.label_separator or known or SEPARATOR) if multilabel else None
    settings = Settings(tables, tokenization, validation_size, split_seed, join_fields, inside, start, separator, cross)
    stamps = settings.stamps()
    folder = cache / f"store-{_key(settings, cache)}"

    def build(empty: Path) -> None:
        fill_store(empty, settings, progress or _silent, each)
        if settings.stamps() != stamps:
            raise UserError("The data files were changed while they were read: run the same command again.")

    ensure(folder, is_whole, build)
    store = Store(folder)
    for remark in remarks(store.report):
        logger.warning(remark)
    return store


def _refuse(
    tables: Tables, tokenization: Tokenization, start: Vocabulary | None, word_indexers: Iterable[str], cross: bool
) -> None:
    """Refuse what does not go together, before any record is read."""
    own = tokenization if start is None else start
    if own.frame is not None and tables.kinds:
        raise UserError(
            f"A pretrained model reads text: name {', '.join(map(repr, tables.kinds))} in data.text, not in "
            "data.categorical or data.numeric."
        )
    if cross and own.segment is not None:
        raise UserError(f"task.interaction=cross makes one sequence of a pair: leave tokens.segment={own.segment} out.")
    if start is not None and start.fields != tables.fields:
        raise UserError(
            f"The model to start from reads the fields {', '.join(start.fields)}, in this order, but the data has "
            f"{', '.join(tables.fields)}. Name the columns of these fields (data.text, or data.left and data.right)."
        )
    if word_indexers and not tokenization.of_words:
        raise UserError(
            f"The embedder looks inside of words for their {' and '.join(word_indexers)}, but the tokens are pieces of "
            "words already. Leave tokens=... out, or take embedder=word."
        )


def _key(settings: Settings, cache: Path) -> str:
    """A hash of all that the store's content depends on."""
    tables = settings.tables
    said = {
        "format": FORMAT,
        "tokenizers": tokenizers.__version__,
        "tables": {split: fingerprint(table, cache) for split, table in settings.named_tables().items()},
        "text": tables.text,
        "fields": tables.fields,
        "label": tables.label,
        "tokens": settings.tokenization.settings(),
        "validation": None if tables.validation is not None else [float(settings.validation_size), settings.split_seed],
        "join_fields": settings.join_fields,
        "word_indexers": settings.word_indexers,
        "label_separator": settings.label_separator,
        "kinds": list(tables.kinds.items()),
        "cross": settings.cross,
    }
    if settings.start is not None:
        inside = {name: indexer.to_text() for name, indexer in settings.start.word_indexers.items()}
        others = (inside, settings.start.segment, to_plain(settings.start.kinds), frame_to_plain(settings.start.frame))
        said["start"] = [settings.start.tokenizer.to_str(), settings.start.labels, *others]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _silent(_what: str, _rows: int) -> None:
    """Progress that nobody watches."""
