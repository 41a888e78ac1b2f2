import gzip
import logging
from pathlib import Path

import numpy as np
import pytest

from seqclf.batch import SPECIAL_TOKENS
from seqclf.errors import UserError
from seqclf.word_vectors import VectorFile

WORDS = [*SPECIAL_TOKENS, "the", "café", ". . .", "missing"]
GLOVE = "the 0.5 -1 2e-1\ncafé 1 2 3\n. . . 4 5 6\nother 7 8 9\nthe 9 9 9\n"
EXPECTED = {"the": [0.5, -1, 0.2], "café": [1, 2, 3], ". . .": [4, 5, 6]}


def write(folder: Path, text: str, name: str = "vectors.txt") -> Path:
    path = folder / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def read(path: Path, words: list[str] = WORDS) -> dict[str, list[float]]:
    table, found = VectorFile(path).read(words, skip=len(SPECIAL_TOKENS))
    assert table.dtype == np.float32
    assert not table[~found].any()
    return {words[place]: table[place].tolist() for place in np.flatnonzero(found)}


def assert_equal(found: dict[str, list[float]]) -> None:
    assert found == {word: np.float32(vector).tolist() for word, vector in EXPECTED.items()}


@pytest.mark.parametrize("name", ["vectors.txt", "vectors.txt.gz"])
@pytest.mark.parametrize("header", ["", "5 3\n"])
def test_a_file_with_and_without_header_packed_or_not_is_read(tmp_path: Path, name: str, header: str) -> None:
    assert_equal(read(write(tmp_path, header + GLOVE, name)))


def test_lines_may_end_in_a_space_or_in_windows_style(tmp_path: Path) -> None:
    assert_equal(read(write(tmp_path, GLOVE.replace("\n", " \r\n"))))


def test_characters_that_break_lines_elsewhere_are_part_of_a_word(tmp_path: Path) -> None:
    words = [*SPECIAL_TOKENS, "a\u2028b", "c\x85d", "e\u00a0f"]
    found = read(write(tmp_path, "".join(f"{word} 1 2\n" for word in words[4:])), words)
    assert list(found) == words[4:]


def test_bytes_that_are_no_text_harm_only_their_own_line(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_bytes(b"\xff\xfe 1 2\nthe 3 4\n")
    assert read(path) == {"the": [3, 4]}


def test_special_tokens_are_not_looked_up(tmp_path: Path) -> None:
    assert read(write(tmp_path, "[UNK] 1 2\nthe 3 4\n")) == {"the": [3, 4]}


def test_the_words_of_a_file_keep_its_order_and_their_spaces(tmp_path: Path) -> None:
    words = [word.decode() for word in VectorFile(write(tmp_path, GLOVE)).words()]
    assert words == ["the", "café", ". . .", "other", "the"]


def test_the_coverage_is_said_with_the_words_that_lack_a_vector(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="seqclf"):
        read(write(tmp_path, GLOVE))
    assert "has vectors for 3 of 4 words (75.0 %); without one, the most frequent first: 'missing'." in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the 1 2 3\ncafé 1 2\nother 1 2 3\n", "line 2: a word and 3 numbers were expected, but there are only 2"),
        ("2 3\nthe 1 2\n", "line 2: a word and 3 numbers"),
        ("other 1 2 3\nthe 1 x 3\n", "line 2: 3 finite numbers"),
        ("other 1 2 3\nthe 1 nan 3\n", "line 2: 3 finite numbers"),
        ("", "is empty"),
        ("the\ncafé\n", "line 1: a word and its numbers"),
    ],
)
def test_a_broken_file_is_said_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read(write(tmp_path, text))
    assert "vectors.txt" in str(caught.value)


def test_a_damaged_archive_is_said(tmp_path: Path) -> None:
    path = write(tmp_path, GLOVE * 500, "vectors.txt.gz")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="gzip file is damaged"):
        read(path)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no\.txt: there is no such file"):
        VectorFile(tmp_path / "no.txt")
