from pathlib import Path
from typing import Any

import pytest

from seqclf.batch import SPECIAL_TOKENS
from seqclf.errors import UserError
from seqclf.text.pieces import Pieces

WORDS = {"low": 5, "lowest": 4, "newest": 4, "don't": 3, "Wide": 2, "cat": 1}


def spelled(indexer: Pieces, word: str) -> str:
    return "".join((indexer.tokenizer.id_to_token(part) or "").removeprefix("##") for part in indexer.parts(word))


@pytest.mark.parametrize("word", ["low", "lowest", "don't", "Wide", "newcat", "d"])
def test_the_pieces_of_a_word_spell_it(word: str) -> None:
    assert spelled(Pieces.fit(WORDS), word) == word


def test_frequent_words_are_one_piece_and_others_several() -> None:
    indexer = Pieces.fit(WORDS)
    assert len(indexer.parts("lowest")) == 1
    assert len(indexer.parts("newcat")) > 1
    assert max(indexer.parts("newcat")) < indexer.size


def test_a_special_token_is_its_own_only_part() -> None:
    assert [Pieces.fit(WORDS).parts(token) for token in SPECIAL_TOKENS] == [[0], [1], [2], [3]]


def test_the_order_of_the_words_does_not_matter_and_what_was_saved_is_loaded(tmp_path: Path) -> None:
    indexer = Pieces.fit(WORDS)
    assert Pieces.fit(dict(reversed(WORDS.items()))).to_text() == indexer.to_text()
    indexer.save(tmp_path)
    assert (
        Pieces.load(tmp_path).parts("newcat") == indexer.grow({"other": 1}).parts("newcat") == indexer.parts("newcat")
    )


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pieces.json").write_text("{}")
    with pytest.raises(UserError, match=r"pieces\.json is broken"):
        Pieces.load(tmp_path)


@pytest.mark.parametrize("model", ["bpe", "wordpiece", "unigram"])
def test_every_model_finds_no_more_pieces_than_it_may_and_they_spell_words(model: Any) -> None:
    indexer = Pieces.fit(WORDS, model, 30)
    assert len(SPECIAL_TOKENS) < indexer.size <= 30 + len(SPECIAL_TOKENS)
    assert spelled(indexer, "newest").removeprefix("\u2581") == "newest"


def test_pieces_that_cannot_be_found_are_said_with_the_embedders_keys() -> None:
    with pytest.raises(UserError, match=r"embedder\.model=unigram cannot find embedder\.max_size=1 pieces"):
        Pieces.fit(WORDS, "unigram", 1)
    with pytest.raises(UserError, match=r"embedder\.max_size must be at least 1"):
        Pieces.fit(WORDS, "bpe", 0)
