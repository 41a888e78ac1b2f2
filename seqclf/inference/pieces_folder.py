"""Work that can stop at any moment: its pieces are kept beside the file that they become."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqclf.errors import UserError
from seqclf.inference.atomic import replacing
from seqclf.inference.row_writers import join, writing

SETTINGS = "settings.json"


class PiecesFolder:
    """The folder `FILE.pieces`, which holds pieces of a file of rows until all are there.

    Args:
        output: the file that they become.
        depends: everything else that the rows depend on, plain values; pieces of other rows are refused.
        suffix: what kind of file it is, one of `FORMATS`.
        header: the names of the columns.
        numbers: those that hold numbers.

    Raises:
        UserError: for a folder of other rows, or one that cannot be made.
    """

    def __init__(
        self, output: Path, depends: Mapping[str, Any], suffix: str, header: Sequence[str], numbers: Sequence[str]
    ) -> None:
        self.output = output
        self.folder = output.with_name(output.name + ".pieces")
        self._form = (suffix, header, numbers)
        settings = json.loads(json.dumps({**depends, "header": list(header)}))
        file = self.folder / SETTINGS
        if not file.exists():
            with replacing(file) as temporary:
                temporary.write_text(json.dumps(settings), encoding="utf-8")
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{file} cannot be read ({error}). Remove {self.folder} to begin anew.") from error
        changed = [name for name, value in settings.items() if found.get(name) != value]
        if changed:
            raise UserError(
                f"{self.folder} holds a part of other predictions: {', '.join(changed)} changed since. Type what was "
                "typed then, or remove the folder to begin anew."
            )

    def fill(
        self,
        pieces: Callable[[int], Iterator[Sequence[Sequence[Any]]]],
        progress: Callable[[str, int], None] | None = None,
    ) -> int:
        """Write the pieces that are missing, make one file of all, and remove the folder.

        Args:
            pieces: gives the rows of all pieces but the first so many.
            progress: called as `progress(what, rows)` with how many rows are done now.

        Returns:
            How many rows were written now.
        """
        done = 0
        while self._piece(done).exists():
            done += 1
        written = 0
        for number, rows in enumerate(pieces(done), start=done):
            with replacing(self._piece(number)) as temporary, writing(temporary, *self._form, number == 0) as write:
                write(rows)
            written += len(rows)
            if progress is not None:
                progress("predicting", written)
        every = sorted(self.folder.glob(f"*{self._form[0]}"))
        with replacing(self.output) as temporary:
            join(every, self._form[0], temporary)
        shutil.rmtree(self.folder)
        return written

    def _piece(self, number: int) -> Path:
        return self.folder / f"{number:08}{self._form[0]}"
