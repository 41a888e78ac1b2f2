"""Numbered records on disk: one .npy file per array, appended to when written, memory-mapped when read."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqclf.batch import UNKNOWN
from seqclf.data.records import IndexedRecords
from seqclf.data.word_table import WordTable, part_files
from seqclf.ragged import IntArray
from seqclf.text.vocabulary import Vocabulary

HEADER = 128  # bytes of a .npy header for one dimension

DTYPES: dict[str, str] = {
    "ids": "<i4",
    "sequence_offsets": "<i8",
    "fields": "<i4",
    "record_offsets": "<i8",
    "labels": "<i4",
    "label_offsets": "<i8",
    "rows": "<i8",
    "words": "<i4",
}


class ArrayWriter:
    """A one-dimensional .npy file that grows; its header is written when it is finished.

    Args:
        path: the file.
        dtype: of the array.
    """

    def __init__(self, path: Path, dtype: str) -> None:
        self.dtype = np.dtype(dtype)
        self.length = 0
        self._file = path.open("wb")
        self._file.write(bytes(HEADER))

    def append(self, values: npt.NDArray[Any]) -> None:
        """Write more values `(n,)` behind the others."""
        self._file.write(np.ascontiguousarray(values, dtype=self.dtype).data)
        self.length += len(values)

    def finish(self) -> None:
        """Write the header and have everything on the disk."""
        head = io.BytesIO()
        shape = {"descr": self.dtype.str, "fortran_order": False, "shape": (self.length,)}
        np.lib.format.write_array_header_1_0(head, shape)
        if head.tell() != HEADER:
            raise RuntimeError(f"the .npy header takes {head.tell()} bytes, not {HEADER}")
        self._file.seek(0)
        self._file.write(head.getvalue())
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class RecordsWriter:
    """Numbered records that are written piece by piece, in bounded memory.

    Args:
        folder: an empty folder for the files.
        labelled: whether the records have labels.
        table: the distinct words that the records point at; None where nothing looks inside of words.
        multilabel: whether each may have any number of labels.
    """

    def __init__(self, folder: Path, labelled: bool, table: WordTable | None = None, multilabel: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._table = table
        left_out = {"labels": not labelled, "label_offsets": not (labelled and multilabel), "words": table is None}
        names = [name for name in DTYPES if not left_out.get(name)]
        self._arrays = {name: ArrayWriter(folder / f"{name}.npy", DTYPES[name]) for name in names}
        for name in self._arrays:
            if name.endswith("_offsets"):
                self._arrays[name].append(np.zeros(1, dtype=np.int64))
        self.unknown = self.cut = 0

    @property
    def tokens(self) -> int:
        """How many tokens were written."""
        return self._arrays["ids"].length

    @property
    def records(self) -> int:
        """How many records were written."""
        return self._arrays["rows"].length

    def append(
        self,
        piece: IndexedRecords,
        labels: npt.NDArray[np.int32] | None,
        rows: IntArray,
        label_counts: IntArray | None = None,
    ) -> None:
        """Write more examples.

        Args:
            piece: the examples, `B` of them.
            labels: class indices `(B,)`, or with `label_counts` those of all examples, one after another.
            rows: the rows of the table they were `(B,)`.
            label_counts: how many labels each has `(B,)`.
        """
        self.unknown += int(np.count_nonzero(piece.ids == UNKNOWN))
        self.cut += piece.cut
        arrays = self._arrays
        arrays["sequence_offsets"].append(piece.sequence_offsets[1:] + arrays["ids"].length)
        arrays["record_offsets"].append(piece.record_offsets[1:] + arrays["fields"].length)
        arrays["ids"].append(piece.ids)
        arrays["fields"].append(piece.fields)
        arrays["rows"].append(rows)
        if label_counts is not None:
            arrays["label_offsets"].append(np.cumsum(label_counts) + arrays["labels"].length)
        if labels is not None:
            arrays["labels"].append(labels)
        if piece.words is not None:
            arrays["words"].append(piece.words)

    def finish(self) -> None:
        """Have all files whole on the disk."""
        for name, (values, offsets) in ({} if self._table is None else self._table.parts()).items():
            file, other = part_files(self._folder, name)
            self._arrays[file.stem], self._arrays[other.stem] = ArrayWriter(file, "<i4"), ArrayWriter(other, "<i8")
            self._arrays[file.stem].append(values)
            self._arrays[other.stem].append(offsets)
        for array in self._arrays.values():
            array.finish()

    def close(self) -> None:
        """Let go of all files."""
        for array in self._arrays.values():
            array.close()


def open_records(folder: Path, vocabulary: Vocabulary) -> IndexedRecords:
    """Memory-map the records that a `RecordsWriter` wrote, numbered by this vocabulary."""
    files = {name: folder / f"{name}.npy" for name in DTYPES}
    arrays: dict[str, Any] = {name: _mapped(file) for name, file in files.items() if file.exists()}
    parts = {}
    for name in vocabulary.word_indexers:
        values, offsets = part_files(folder, name)
        parts[name] = _mapped(values), _mapped(offsets)
    num_inputs, num_labels = vocabulary.num_inputs, vocabulary.num_labels
    return IndexedRecords(**arrays, num_inputs=num_inputs, num_labels=num_labels, parts=parts)


def _mapped(file: Path) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    return array
