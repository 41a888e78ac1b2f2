"""Several labels of one record: in a cell of a table, and as a row of a matrix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

SEPARATOR = "|"  # between the labels of a cell, unless another is typed
LIST = "\ufdd0"  # stands before each text of a list in a cell; Unicode keeps it free for what is inside of a program


def text_cell(text: str) -> str:
    """A text that comes from outside as one cell: where it holds the mark of lists, the cell has U+FFFD."""
    return text.replace(LIST, "\ufffd")


def list_cell(texts: Iterable[str]) -> str:
    """A list of texts as one cell of a table; `split_cell` makes it a list again."""
    return "".join(LIST + text_cell(text) for text in texts) or LIST


def is_list(cell: str) -> bool:
    """Whether a cell is a list of texts."""
    return cell.startswith(LIST)


def list_texts(cell: str) -> list[str]:
    """The texts of a cell that is a list."""
    return cell[1:].split(LIST)


def split_cell(cell: str, separator: str = SEPARATOR) -> list[str]:
    """The labels of a cell: those of a list as they are, else what stands between the separators, without the spaces.

    Args:
        cell: a list, or text; one that is empty has no label.
        separator: between the labels of a text.

    Returns:
        The labels in their order, each once.
    """
    texts = list_texts(cell) if is_list(cell) else [text.strip() for text in cell.split(separator)]
    return list(dict.fromkeys(text for text in texts if text and not text.isspace()))


def readable_cell(cell: str, separator: str = SEPARATOR) -> str:
    """A cell as a person reads it: text as it is, a list with the separator between its texts."""
    return separator.join(list_texts(cell)) if is_list(cell) else cell


def label_matrix(
    labels: npt.NDArray[np.int32], counts: Sequence[int] | npt.NDArray[np.int64], num_labels: int
) -> npt.NDArray[np.int64]:
    """The labels of many records as a matrix.

    Args:
        labels: class indices of all records, one after another; below 0 for a label that is not among the classes.
        counts: how many each record has `(B,)`.
        num_labels: how many classes there are, `C`.

    Returns:
        `(B, C)`: 1 where a record has a label, 0 where not; lowered by 2 (to -1 and -2) in the row of a record that has
        labels besides which are not among the classes.
    """
    matrix = np.zeros((len(counts), num_labels), dtype=np.int64)
    rows = np.repeat(np.arange(len(counts)), counts)
    known = labels >= 0
    matrix[rows[known], labels[known]] = 1
    matrix[rows[~known]] -= 2
    return matrix
