import codecs
import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclf.data import stream
from seqclf.data.stream import codec, refuse_burst, text_lines
from seqclf.errors import UserError


def write(folder: Path, content: bytes, name: str = "a.txt") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_lines_keep_their_ends_and_lose_the_byte_order_mark(tmp_path: Path) -> None:
    path = write(tmp_path, codecs.BOM_UTF8 + "é\r\n\0b\rc\n\n\u2028d".encode())
    assert list(text_lines(path, None)) == ["é\r\n", "\0b\r", "c\n", "\n", "\u2028d"]


def test_a_packed_file_gives_the_same_lines(tmp_path: Path) -> None:
    path = write(tmp_path, gzip.compress(b"a\nb\n"), "a.txt.gz")
    assert list(text_lines(path, None)) == ["a\n", "b\n"]


def test_another_encoding_is_read_when_it_is_typed(tmp_path: Path) -> None:
    path = write(tmp_path, "é\nö".encode("utf-16"))
    assert list(text_lines(path, "utf-16")) == ["é\n", "ö"]
    assert list(text_lines(write(tmp_path, b"\xe9"), "latin-1")) == ["é"]


@settings(max_examples=60, deadline=None)
@given(before=st.text(st.sampled_from("aé\n\r"), max_size=9), far=st.sampled_from([0, 8190, 70000]))
def test_bytes_that_are_no_utf8_are_found_wherever_they_are(
    tmp_path_factory: pytest.TempPathFactory, before: str, far: int
) -> None:
    text = "x" * far + before
    path = write(tmp_path_factory.mktemp("bytes"), text.encode() + b"\xe9 and so on\nmore")
    lines = (text + "?").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    place = f"line {len(lines)}, character {len(lines[-1])}: the byte 0xe9 is not UTF-8"
    with pytest.raises(UserError, match=place):
        list(text_lines(path, None))


@pytest.mark.parametrize(
    ("content", "encoding", "message"),
    [
        ("a,b\n".encode("utf-16"), None, r"a\.txt, line 1, character 1: the byte 0xff is not UTF-8.*encoding=utf-16"),
        (codecs.BOM_UTF16_BE + b"\0a", None, r"line 1.*data\.encoding=utf-16"),
        (b"a\nb\xe9", None, r"line 2, character 2: the byte 0xe9 is not UTF-8.*data\.encoding=latin-1"),
        (b"ab", "utf-16", r"a\.txt, line 1.* is not utf-16"),
        (b"a\x81", "cp1252", r"line 1, character 2: the byte 0x81 is not cp1252"),
    ],
)
def test_a_wrong_encoding_is_refused_with_its_place(
    tmp_path: Path, content: bytes, encoding: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        list(text_lines(write(tmp_path, content), encoding))


@pytest.mark.parametrize("name", ["utf-9", "rot13", "base64"])
def test_an_encoding_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UserError, match=rf"data\.encoding={name} is no text encoding"):
        codec(name)


def test_utf8_by_any_name_loses_its_mark() -> None:
    assert {codec(name) for name in (None, "utf8", "UTF-8", "utf-8-sig")} == {"utf-8-sig"}
    assert codec("latin-1") == "iso8859-1"


@pytest.mark.parametrize("keep", [5, 40, -4])
def test_a_truncated_gzip_file_is_refused(tmp_path: Path, keep: int) -> None:
    packed = gzip.compress("\n".join(map(str, range(10000))).encode())
    with pytest.raises(UserError, match=r"a\.csv\.gz, after line \d+: the gzip file is truncated"):
        list(text_lines(write(tmp_path, packed[:keep], "a.csv.gz"), None))


def test_a_file_that_only_says_it_is_packed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.csv\.gz, after line 0: the gzip file is truncated or damaged"):
        list(text_lines(write(tmp_path, b"text,label\n", "a.csv.gz"), None))


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress("\n".join(map(str, range(10000))).encode()))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(UserError, match="truncated or damaged"):
        list(text_lines(write(tmp_path, bytes(packed), "a.csv.gz"), None))


@pytest.mark.parametrize("unit", [b"\0", b"x" * 1023 + b"\n"])
def test_a_gzip_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path, unit: bytes) -> None:
    path = tmp_path / "a.csv.gz"
    with gzip.open(path, "wb", compresslevel=6) as file:
        for _ in range(80):
            file.write(unit * (2**20 // len(unit)))
    with pytest.raises(UserError, match=r"a\.csv\.gz( unpacks to \d+ times|, line 1: longer)"):
        for _ in text_lines(path, None):
            pass


def test_only_what_is_large_and_out_of_proportion_is_a_bomb(tmp_path: Path) -> None:
    refuse_burst(tmp_path, unpacked=1000, packed=1)
    refuse_burst(tmp_path, unpacked=10**10, packed=10**9)
    with pytest.raises(UserError, match="unpacks to 1000 times its size"):
        refuse_burst(tmp_path, unpacked=10**9, packed=10**6)


def test_a_line_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LONGEST", 100)
    with pytest.raises(UserError, match=r"a\.txt, line 2: longer than 100 characters"):
        list(text_lines(write(tmp_path, b"a\n" + b"b" * 200), None))
