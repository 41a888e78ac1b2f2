from pathlib import Path

import pytest

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.errors import UserError
from seqclf.text.characters import BEGIN, END, Characters


def test_characters_follow_the_special_ones_in_their_own_order() -> None:
    indexer = Characters.fit({"cab": 2, "aé": 1})
    assert indexer.parts("bé") == [BEGIN, 7, 9, END]
    assert indexer.parts("ax") == [BEGIN, 6, UNKNOWN, END]
    assert indexer.size == 10


def test_a_special_token_is_its_own_only_part() -> None:
    indexer = Characters.fit({"[EMPTY]": 1})
    assert [indexer.parts(token) for token in SPECIAL_TOKENS] == [[0], [1], [2], [3]]


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    indexer = Characters.fit({'a"é😀\\': 1})
    indexer.save(tmp_path)
    assert vars(Characters.load(tmp_path)) == vars(indexer)


@pytest.mark.parametrize("content", ["[", '["ab"]', '"abc"', "[1]"])
def test_a_broken_file_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "characters.json").write_text(content)
    with pytest.raises(UserError, match=r"characters\.json"):
        Characters.load(tmp_path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"characters\.json cannot be read"):
        Characters.load(tmp_path)


def test_new_characters_come_behind_the_known_ones() -> None:
    grown = Characters.fit({"cab": 2}).grow({"bad": 1, "age": 1})
    assert grown.characters == [*"abc", *"deg"]
