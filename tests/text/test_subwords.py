import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from seqclf.batch import SPECIAL_TOKENS
from seqclf.data.store import build_store
from seqclf.errors import UserError
from seqclf.text.subwords import MODELS, Subwords
from seqclf.text.vocabulary import Vocabulary
from tests.data.test_store import Memory

TEXTS = ["the lowest and the newest cats", "Lower, newer, wider; [PAD] [UNK] wörds", "cats sat wide and low"] * 4


def train(model: str, texts: list[str] = TEXTS, **options: Any) -> Tokenizer:
    return Subwords(model, **{"max_size": 60, **options}).train(texts)


def tokens_of(tokenizer: Tokenizer, text: str) -> list[str]:
    return tokenizer.encode(text, add_special_tokens=False).tokens


@pytest.mark.parametrize("model", MODELS)
def test_pieces_spell_the_words_and_span_no_two(model: str) -> None:
    tokenizer = train(model)
    tokens = tokens_of(tokenizer, "The newest LOW cats")
    spelled = "".join(tokens).replace("▁", " ") if model == "unigram" else " ".join(tokens).replace(" ##", "")
    assert spelled.split() == ["the", "newest", "low", "cats"]
    assert tokens_of(tokenizer, "") == []


@pytest.mark.parametrize("model", MODELS)
def test_words_that_training_never_met_fall_into_known_pieces(model: str) -> None:
    ids = train(model).encode("lowcats newsat", add_special_tokens=False).ids
    assert min(ids) >= len(SPECIAL_TOKENS)


@pytest.mark.parametrize("model", MODELS)
def test_special_tokens_come_first_and_no_text_can_spell_one(model: str) -> None:
    tokenizer = train(model)
    assert [tokenizer.id_to_token(place) for place in range(4)] == list(SPECIAL_TOKENS)
    assert min(tokenizer.encode("[PAD] [EMPTY] [SEP] pad[PAD]", add_special_tokens=False).ids) >= 1
    assert tokenizer.get_vocab_size() <= 60 + len(SPECIAL_TOKENS)
    assert json.loads(tokenizer.to_str())["added_tokens"] == []


@pytest.mark.parametrize("model", MODELS)
def test_pieces_depend_on_neither_chance_nor_the_order_of_the_texts(model: str) -> None:
    texts = Path(__file__).read_text(encoding="utf-8").splitlines()
    once = train(model, texts, max_size=200).to_str()
    for seed in range(3):
        assert train(model, Random(seed).sample(texts, len(texts)), max_size=200).to_str() == once


@pytest.mark.parametrize("model", MODELS)
def test_max_length_keeps_the_first_pieces(model: str) -> None:
    assert tokens_of(train(model, max_length=2), TEXTS[0]) == tokens_of(train(model), TEXTS[0])[:2]


def test_every_character_of_the_training_texts_is_known_to_bpe() -> None:
    assert 1 not in train("bpe").encode(TEXTS[1], add_special_tokens=False).ids


@pytest.mark.parametrize("model", ["bpe", "wordpiece"])
def test_training_without_a_single_word_leaves_the_special_tokens(model: str) -> None:
    assert train(model, []).get_vocab_size() == len(SPECIAL_TOKENS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"model": "bpes"}, "tokens.model='bpes'. Did you mean 'bpe'"), ({"max_size": 0}, "tokens.max_size must be")],
)
def test_impossible_settings_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        Subwords(**arguments)


def test_too_few_pieces_for_the_characters_are_said() -> None:
    with pytest.raises(UserError, match=r"tokens\.model=unigram cannot find tokens\.max_size=5 pieces"):
        train("unigram", max_size=5)


@pytest.mark.parametrize("model", MODELS)
def test_a_store_of_pieces_holds_what_its_vocabulary_gives(tmp_path: Path, model: str) -> None:
    rows = [(text, "", "xy"[place % 2]) for place, text in enumerate(TEXTS)]
    store = build_store(Memory(train=rows), Subwords(model, max_size=60), validation_size=0, cache=tmp_path)
    vocabulary: Vocabulary = store.vocabulary
    np.testing.assert_array_equal(store.train.ids, vocabulary.encode(TEXTS)[0])
    assert store.train.ids.max() < vocabulary.size()


def test_pieces_and_what_is_inside_of_words_do_not_go_together(tmp_path: Path) -> None:
    rows = [("a", "", "x"), ("b", "", "y")]
    with pytest.raises(UserError, match="looks inside of words for their characters"):
        build_store(Memory(train=rows), Subwords(), word_indexers={"characters": {}}, cache=tmp_path)
