"""What all tables that are files share: a path that exists, a header that makes sense, a hash of the content."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from seqclf.data.table import Table
from seqclf.errors import UserError, nearest


class FileTable(Table):
    """A table in a file; its header and its first row are looked at when it is opened, the rest when it is read.

    Args:
        path: the file.
        settings: what else decides how the same bytes are read (an encoding, a sheet), for the fingerprint.

    Raises:
        UserError: for a file that is not there, is empty, has no row below its header, or names a column twice.
    """

    def __init__(self, path: Path, settings: Sequence[str] = ()) -> None:
        self.path = path
        self._settings = tuple(settings)
        _check_file(path)
        super().__init__(str(path), self._header())
        twice = [name for place, name in enumerate(self.columns) if name in self.columns[:place]]
        if twice:
            raise UserError(f"{self.at(1, twice[0])}: two columns have this name. Rename one of them.")
        if self._is_empty():
            raise UserError(f"{self.name} has a header and no row below it. Give a file that holds records.")

    @abstractmethod
    def _header(self) -> Sequence[str]:
        """The names of the columns, as the file has them."""

    def _is_empty(self) -> bool:
        """Whether there is nothing below the header."""
        return next(self.rows(), None) is None

    def fingerprint(self) -> str:
        """SHA-256 of the file's bytes and of the settings that it is read by."""
        with open(self.path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256")
        digest.update(repr(self._settings).encode())
        return digest.hexdigest()

    def stamp(self) -> tuple[str, int, int]:
        """Path (with the settings that the file is read by), size, and time of the last change in ns."""
        status = self.path.stat()
        return "|".join([str(self.path.resolve()), *self._settings]), status.st_size, status.st_mtime_ns


def _check_file(path: Path) -> None:
    """Refuse what is not a file with something in it."""
    if path.is_dir():
        raise UserError(f"{path} is a folder; give a file in it.")
    if not path.parent.is_dir():
        raise UserError(f"{path} does not exist: there is no folder {path.parent}.")
    if not path.is_file():
        names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
        close = get_close_matches(path.name, names, n=1)
        raise UserError(f"{path} does not exist. {nearest(path.name, close or names[:10])}")
    try:
        with open(path, "rb") as file:
            if not file.read(1):
                raise UserError(f"{path} is empty. Give a file that holds records.")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from error
