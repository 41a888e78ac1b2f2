"""Text files, packed or not, as lines in bounded memory: bytes that are no text and archives that burst are refused."""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from seqclf.errors import UserError
from seqclf.text.label_sets import text_cell

LONGEST = 2**26  # characters in one line or one cell: far above any text, far below any memory
BURST_BYTES = 2**26  # an archive may unpack to this much at any ratio
BURST_RATIO = 200  # ... and to more only below this ratio; real text packs 3 to 30 times smaller
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def text_lines(path: Path, encoding: str | None) -> Iterator[str]:
    r"""The physical lines of a text file with their ends (`\n`, `\r\n` or `\r`), one at a time.

    Args:
        path: the file; one whose name ends in `.gz` is unpacked on the way.
        encoding: None for UTF-8. A byte order mark is no part of the text.

    Raises:
        UserError: for bytes that are not of the encoding, a line without end, a truncated or bursting archive.
    """
    number = 0
    try:
        with _open(path) as file, io.TextIOWrapper(file, encoding=codec(encoding), newline="") as text:
            while line := text.readline(LONGEST):
                number += 1
                if len(line) == LONGEST:
                    raise UserError(f"{path}, line {number}: longer than {LONGEST:,} characters. Is this a text file?")
                yield text_cell(line)
    except UnicodeError as error:
        raise _undecodable(path, encoding) from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        message = f"{path}, after line {number}: the gzip file is truncated or damaged ({error}). Copy it again."
        raise UserError(message) from error


def codec(encoding: str | None) -> str:
    """The name of the codec that reads an encoding, UTF-8 with or without its mark unless another was typed.

    Raises:
        UserError: for an encoding that does not exist.
    """
    try:
        "".encode(encoding or "utf-8")
    except LookupError as error:
        known = "utf-8, utf-16, latin-1, cp1252, gb18030, shift_jis"
        raise UserError(f"data.encoding={encoding} is no text encoding. There are, for instance: {known}.") from error
    name = codecs.lookup(encoding or "utf-8").name
    return "utf-8-sig" if name == "utf-8" else name


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, for as long as it stays in proportion to the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packed = open(path, "rb")  # noqa: SIM115 - closed with this object
        self._content = gzip.GzipFile(fileobj=self._packed, mode="rb")
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._content.readinto(buffer)
        self._count += count
        refuse_burst(self._path, self._count, self._packed.tell())
        return count

    def close(self) -> None:
        if not self.closed:
            self._content.close()
            self._packed.close()
        super().close()


def refuse_burst(path: Path, unpacked: int, packed: int) -> None:
    """Refuse an archive that unpacks to very much more than it is.

    Raises:
        UserError: for an archive that is out of proportion.
    """
    if unpacked > BURST_BYTES and unpacked > BURST_RATIO * packed:
        ratio = unpacked // max(packed, 1)
        raise UserError(f"{path} unpacks to {ratio} times its size, as no text does. If you trust it, unpack it first.")


def _open(path: Path) -> BinaryIO:
    """The bytes of a file, unpacked where it is packed."""
    if path.suffix.lower() != ".gz":
        return open(path, "rb")
    return cast(BinaryIO, io.BufferedReader(_Unpacked(path), buffer_size=2**17))


def _undecodable(path: Path, encoding: str | None) -> UserError:
    """What to say of a file that is not of its encoding: the place is found by reading it once more, piece by piece."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(codec(encoding))(), translate=True)
    line, character, wrong = 1, 1, ""
    with _open(path) as file:
        start = file.read(2)
        piece = start + file.read(2**16)
        while not wrong:
            try:
                text = decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                wrong = f": the byte 0x{error.object[error.start]:02x}"
                good = piece[: max(0, error.start - len(error.object) + len(piece))]
                text = decoder.decode(good, final=bool(good))
            except UnicodeError:  # no mark at the start of UTF-16
                wrong, text = ": the file", ""
            line += text.count("\n")
            character = len(text) - text.rfind("\n") if "\n" in text else character + len(text)
            piece = file.read(2**16)
    advice = f"data.encoding={_MARKS[start]}" if start in _MARKS else "data.encoding=latin-1, for instance"
    place = f"{path}, line {line}, character {character}{wrong} is not {encoding or 'UTF-8'}."
    return UserError(f"{place} Save the file as UTF-8, or type the encoding that it has: {advice}.")
