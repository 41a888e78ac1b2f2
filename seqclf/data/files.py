"""Tables from files, by the ending of their name, and from folders of them."""

from __future__ import annotations

from pathlib import Path

from seqclf.data.file_table import FileTable
from seqclf.data.folder_table import FolderTable
from seqclf.data.source import Source
from seqclf.data.table import Table
from seqclf.errors import UserError

ENDINGS = (".csv", ".tsv", ".jsonl", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".parquet", ".xlsx")
HIDDEN = "._"  # names that begin so are not of records: what other programs keep beside them
_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def open_table(
    path: str | Path, encoding: str | None = None, separator: str | None = None, sheet: str | None = None
) -> Table:
    """A file as a table, or the files of a folder as one; what a file is, its ending says, and nothing is guessed.

    Args:
        path: the file; its name ends in one of `ENDINGS`. Or a folder of such files, all of one kind, which are read in
            the order of their names.
        encoding: of a text file; None for UTF-8.
        separator: of a csv or tsv file; None for the comma and the tab.
        sheet: of a workbook; None for the first one.

    Returns:
        The table, its header checked.

    Raises:
        UserError: for a file that is missing, of an unknown kind, empty or broken, and for a folder without such files,
            with files of several kinds or columns, or with another folder in it.
    """
    path = Path(path).expanduser()
    if not path.is_dir():
        return _open_file(path, encoding, separator, sheet)
    files = files_of(path)
    other = next((file for file in files if _kind(file) != _kind(files[0])), None)
    if other is not None:
        raise UserError(f"{path} holds files of several kinds, {files[0].name} and {other.name}: give a folder of one.")
    inner = next((entry for entry in sorted(path.iterdir()) if entry.is_dir() and entry.name[0] not in HIDDEN), None)
    if inner is not None:
        raise UserError(f"{inner} is a folder in a folder: its files would not be read. Give a folder of files.")
    return FolderTable(path, [_open_file(file, encoding, separator, sheet) for file in files])


def files_of(folder: Path) -> list[Path]:
    """The files of records in a folder, by name; one that ends otherwise or begins with a dot or underscore is none.

    Raises:
        UserError: where there is none.
    """
    known = (path for path in folder.iterdir() if path.name.lower().endswith(ENDINGS) and path.name[0] not in HIDDEN)
    files = sorted(known)
    if not files:
        raise UserError(f"{folder} has no file of records in it: they end in {', '.join(ENDINGS)}.")
    return files


def _kind(path: Path) -> str | None:
    """The ending of a file's name that says what it is, whether it is packed or not."""
    ending = next((known for known in ENDINGS if path.name.lower().endswith(known)), None)
    return None if ending is None else ending.removesuffix(".gz")


def _open_file(path: Path, encoding: str | None, separator: str | None, sheet: str | None) -> FileTable:
    kind = _kind(path)
    if kind is None:
        known = f"It must end in one of: {', '.join(ENDINGS)}."
        raise UserError(f"{path} is of an unknown kind, {path.suffix or 'without an ending'!r}. {known}")
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
    """Your own files: one to learn from, and perhaps others to choose by and to test on; each may be a folder of files.

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
