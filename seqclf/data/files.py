"""Tables from files, by the ending of their name."""

from __future__ import annotations

from pathlib import Path

from seqclf.data.source import Source
from seqclf.data.table import Table
from seqclf.errors import UserError

ENDINGS = (".csv", ".tsv", ".jsonl", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".parquet", ".xlsx")
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def open_table(
    path: str | Path, encoding: str | None = None, separator: str | None = None, sheet: str | None = None
) -> Table:
    """A file as a table; what it is, its ending says, and nothing about it is guessed.

    Args:
        path: the file; its name ends in one of `ENDINGS`.
        encoding: of a text file; None for UTF-8.
        separator: of a csv or tsv file; None for the comma and the tab.
        sheet: of a workbook; None for the first one.

    Returns:
        The table, its header checked.

    Raises:
        UserError: for a file that is missing, of an unknown kind, empty or broken.
    """
    path = Path(path).expanduser()
    ending = next((known for known in ENDINGS if path.name.lower().endswith(known)), None)
    if ending is None:
        known = f"It must end in one of: {', '.join(ENDINGS)}."
        raise UserError(f"{path} is of an unknown kind, {path.suffix or 'without an ending'!r}. {known}")
    kind = ending.removesuffix(".gz")
    if kind in _SEPARATORS:
        from seqclf.data.delimited import DelimitedTable

        return DelimitedTable(path, separator or _SEPARATORS[kind], encoding)
    if kind == ".jsonl":
        from seqclf.data.jsonl import JsonLinesTable

        return JsonLinesTable(path, encoding)
    if kind == ".parquet":
        from seqclf.data.parquet import ParquetTable

        return ParquetTable(path)
    try:
        from seqclf.data.xlsx import XlsxTable
    except ModuleNotFoundError as error:
        raise UserError(f"{path} needs {error.name}: pip install 'seqclf[xlsx]', or save it as csv.") from error
    return XlsxTable(path, sheet)


class Files(Source):
    """Your own files: one to learn from, and perhaps others to choose by and to test on.

    Args:
        train: the file to learn from; None where a trained model is only evaluated.
        validation: the file that the best epoch is chosen by; None to cut it from `train`.
        test: the file that the result is measured on; None for none.
        text: the text columns, in the order of the record's fields; None for every column but the label.
        label: the label column; None where there are no labels.
        encoding: of text files; None for UTF-8.
        separator: of csv and tsv files; None for the comma and the tab.
        sheet: of workbooks; None for the first one.
        left: for pairs, the columns of the first record, in the order of its fields; None where there are no pairs.
        right: for pairs, the columns of the second record, the same fields in the same order.
        label_separator: between the labels of a record that may have several; None for `|`.
        categorical: columns whose cells are categories, each a field of its own behind those of text.
        numeric: columns whose cells are numbers, likewise.
    """

    def __init__(
        self,
        train: str | None = None,
        validation: str | None = None,
        test: str | None = None,
        text: list[str] | None = None,
        label: str | None = "label",
        encoding: str | None = None,
        separator: str | None = None,
        sheet: str | None = None,
        left: list[str] | None = None,
        right: list[str] | None = None,
        label_separator: str | None = None,
        categorical: list[str] | None = None,
        numeric: list[str] | None = None,
    ) -> None:
        super().__init__(text, label, left, right, label_separator, categorical, numeric)
        self.paths = {"train": train, "validation": validation, "test": test}
        self.encoding = encoding
        self.separator = separator
        self.sheet = sheet

    def splits(self) -> dict[str, Table]:
        """The files that were named, opened and their headers checked."""
        named = {split: path for split, path in self.paths.items() if path is not None}
        if not named:
            raise UserError(f"No file was named. Type data.train=FILE, a file that ends in {', '.join(ENDINGS)}.")
        return {split: open_table(path, self.encoding, self.separator, self.sheet) for split, path in named.items()}
