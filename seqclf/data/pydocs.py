"""The built-in data: the Python standard library's own documentation, read from the sources installed here."""

from __future__ import annotations

import ast
import copy
import hashlib
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from seqclf.data.pydocs_chapters import CHAPTERS
from seqclf.data.source import Source
from seqclf.data.table import Row, Table, hash_rows
from seqclf.errors import UserError

FEWEST = 20  # records of a chapter that is kept
TEST_ONE_IN = 5  # docstrings that are set aside to test on
_NOT_READ = {"test", "tests", "idlelib", "lib2to3", "site-packages", "__pycache__"}
_Definition = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Record(NamedTuple):
    """One documented class, function or method."""

    name: str
    signature: str
    doc: str
    label: str


class Pydocs(Source):
    """The documented classes, functions and methods of the standard library; the label is the chapter of their module.

    Nothing is imported or run: the sources are read by `ast`. Equal docstrings fall on the same side of the split.

    Args:
        text: the fields, of `name`, `signature` and `doc`; None for all three.
    """

    def __init__(self, text: list[str] | None = None) -> None:
        super().__init__(text, "label")

    def splits(self) -> dict[str, Table]:
        """A table to learn from and one to test on, read when their rows are first asked for."""
        root = Path(sysconfig.get_path("stdlib"))
        return {"train": PydocsTable(root, test=False), "test": PydocsTable(root, test=True)}


class PydocsTable(Table):
    """One side of the split.

    Args:
        root: the folder of the standard library.
        test: whether it is the side to test on.
    """

    unit = "record"

    def __init__(self, root: Path, test: bool) -> None:
        super().__init__(f"pydocs ({'test' if test else 'train'})", Record._fields)
        self._root = root
        self._test = test

    def rows(self) -> Iterator[Row]:
        """The records of this side, in the order of modules and lines."""
        records = (record for record in read_records(self._root) if _is_test(record.doc) == self._test)
        for number, record in enumerate(records, start=1):
            yield Row(number, tuple(record))

    def fingerprint(self) -> str:
        """SHA-256 of every record."""
        return hash_rows(self.columns, self.rows())

    def stamp(self) -> tuple[str, int, int]:
        """Folder and side, total size and latest change of the sources."""
        states = [path.stat() for path, _ in _sources(self._root)]
        size, changed = sum(state.st_size for state in states), max((state.st_mtime_ns for state in states), default=0)
        return f"{self._root}|{self.name}", size, changed


@lru_cache(maxsize=1)
def read_records(root: Path) -> tuple[Record, ...]:
    """Every documented class, function and method under `root` whose chapter has enough of them.

    Raises:
        UserError: for a Python without its sources.
    """
    records = [record for path, chapter in _sources(root) for record in _read_module(path, chapter)]
    if not records:
        raise UserError(f"data=pydocs: this Python has no sources of its standard library under {root}. Name your own.")
    counts = Counter(record.label for record in records)
    return tuple(record for record in records if counts[record.label] >= FEWEST)


def _sources(root: Path) -> Iterator[tuple[Path, str]]:
    """The source files of the modules that have a chapter, in an order that is the same everywhere."""
    chapters = sorted((module, chapter) for chapter, modules in CHAPTERS.items() for module in modules.split())
    for module, chapter in chapters:
        paths = [root / f"{module}.py", *sorted((root / module).rglob("*.py"))]
        for path in paths:
            if not _NOT_READ.intersection(path.relative_to(root).parts) and path.is_file():
                yield path, chapter


def _read_module(path: Path, chapter: str) -> Iterator[Record]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # old escapes in old sources
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):  # a template, not a module
            return
    for names, node in _definitions(tree.body, ()):
        doc = ast.get_docstring(node)
        if doc:
            yield Record(".".join(names), _signature(node, is_method=len(names) > 1), doc, chapter)


def _definitions(body: list[ast.stmt], outer: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], _Definition]]:
    """Classes and functions with their qualified names; those inside functions are nobody's interface."""
    for node in body:
        if isinstance(node, _Definition):
            names = (*outer, node.name)
            yield names, node
            if isinstance(node, ast.ClassDef):
                yield from _definitions(node.body, names)
        elif isinstance(node, ast.If | ast.Try):
            yield from _definitions(node.body + node.orelse, outer)


def _signature(node: _Definition, is_method: bool) -> str:
    """The parameters as a caller sees them: those of `__init__` for a class, and never `self`."""
    if isinstance(node, ast.ClassDef):
        makers = [each for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
        return _signature(makers[0], is_method=True) if makers else ""
    arguments = copy.copy(node.args)
    is_static = any(isinstance(each, ast.Name) and each.id == "staticmethod" for each in node.decorator_list)
    if is_method and not is_static:
        first = "posonlyargs" if arguments.posonlyargs else "args"
        setattr(arguments, first, getattr(arguments, first)[1:])
    return ast.unparse(arguments)


def _is_test(doc: str) -> bool:
    return int.from_bytes(hashlib.sha256(doc.encode("utf-8", "surrogatepass")).digest()[:8], "big") % TEST_ONE_IN == 0
