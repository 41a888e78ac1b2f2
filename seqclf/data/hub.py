"""Data sets of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from seqclf.data.arrow import BATCH, ArrowTable
from seqclf.data.source import Source
from seqclf.data.table import Table, hash_rows
from seqclf.errors import UserError, nearest


class Hub(Source):
    """A data set of the Hugging Face hub, loaded by the `datasets` library into its own cache; no code of it is run.

    Args:
        path: the data set's id, or a local folder of the same layout.
        config: which of the data set's configurations; None where there is one only.
        revision: a branch, tag or commit; None for the newest.
        train: the split to learn from; None for none.
        validation: the split that the best epoch is chosen by, if the data set has it; None to leave it out.
        test: the split that the result is measured on, if the data set has it; None to leave it out.
        text: the text columns, in the order of the record's fields; None for every column but the label.
        label: the label column; the numbers of named classes become their names. None where there are no labels.
        left: for pairs, the columns of the first record, in the order of its fields; None where there are no pairs.
        right: for pairs, the columns of the second record, the same fields in the same order.
        label_separator: between the labels of a record that may have several; None for `|`.
        categorical: columns whose cells are categories, each a field of its own behind those of text.
        numeric: columns whose cells are numbers, likewise.
    """

    def __init__(
        self,
        path: str,
        config: str | None = None,
        revision: str | None = None,
        train: str | None = "train",
        validation: str | None = "validation",
        test: str | None = "test",
        text: list[str] | None = None,
        label: str | None = "label",
        left: list[str] | None = None,
        right: list[str] | None = None,
        label_separator: str | None = None,
        categorical: list[str] | None = None,
        numeric: list[str] | None = None,
    ) -> None:
        super().__init__(text, label, left, right, label_separator, categorical, numeric)
        self.path = path
        self.config = config
        self.revision = revision
        self.names = {"train": train, "validation": validation, "test": test}

    def splits(self) -> dict[str, Table]:
        """The splits that the data set has."""
        found = self._load()
        train = self.names["train"]
        if train is not None and train not in found:
            raise UserError(f"{self.path} has no split {train!r} (data.train). {nearest(train, found)}")
        return {
            split: HubTable(f"{self.path} ({name})", found[name])
            for split, name in self.names.items()
            if name is not None and name in found
        }

    def _load(self) -> dict[str, Any]:
        try:
            import datasets
        except ModuleNotFoundError as error:
            raise UserError(f"data=hub needs {error.name}: pip install 'seqclf[hub]'.") from error
        try:
            return dict(datasets.load_dataset(self.path, name=self.config, revision=self.revision, streaming=False))
        except (datasets.exceptions.DatasetsError, OSError, ValueError) as error:
            what = f"The data set {self.path!r} cannot be loaded (data.path, data.config, data.revision)"
            reason = " ".join(str(error).split()).rstrip(".")
            raise UserError(f"{what}: {reason}. Check its name and the network, or give a local folder.") from error


class HubTable(ArrowTable):
    """One split of a data set.

    Args:
        name: what messages call it.
        dataset: a `datasets.Dataset`.
    """

    def __init__(self, name: str, dataset: Any) -> None:
        super().__init__(name, dataset.column_names)
        self._dataset = dataset
        features = {name: getattr(feature, "feature", feature) for name, feature in dataset.features.items()}
        self._classes = {name: feature.names for name, feature in features.items() if hasattr(feature, "names")}
        schema = dataset.features.arrow_schema
        self.schema = pa.schema([(name, schema.field(name).type) for name in self.columns])

    def batches(self, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """All rows in order with these columns, the classes by their names."""
        chosen = self._dataset.select_columns(list(dict.fromkeys(names))).with_format("arrow")
        for piece in chosen.iter(batch_size=BATCH):
            columns = [self._named(name, piece.column(name).combine_chunks()) for name in piece.column_names]
            yield pa.RecordBatch.from_arrays(columns, piece.column_names)

    def fingerprint(self) -> str:
        """SHA-256 of the columns that are text and of every record in them."""
        names = [name for name in self.columns if self._is_readable(name)]
        return hash_rows(names, self.select(names))

    def stamp(self) -> tuple[str, int, int] | None:
        """Paths, size and latest change of the files in the cache of `datasets`."""
        files = sorted(Path(entry["filename"]) for entry in self._dataset.cache_files)
        if not files:
            return None
        states = [file.stat() for file in files]
        size, changed = sum(state.st_size for state in states), max(state.st_mtime_ns for state in states)
        return "|".join(map(str, files)), size, changed

    def _is_readable(self, name: str) -> bool:
        try:
            self.column(name)
        except UserError:
            return False
        return True

    def _named(self, name: str, column: pa.Array) -> pa.Array:
        """A column of class numbers as names; a number below zero is how the hub writes that the class is not known."""
        if name not in self._classes:
            return column
        return pa.array([_class_name(value, self._classes[name]) for value in column.to_pylist()])


class DatasetInMemory(HubTable):
    """A `datasets.Dataset` that may have been filtered or shuffled in Python: the files under it do not say how."""

    def stamp(self) -> None:
        """None: only the content tells two of them apart."""


def _class_name(value: Any, names: Sequence[str]) -> Any:
    """The name of a class number, or the names of a list of them."""
    if isinstance(value, list):
        return [_class_name(item, names) for item in value]
    return None if value is None or value < 0 else names[value]
