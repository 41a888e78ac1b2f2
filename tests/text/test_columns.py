import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from seqclf.text.columns import BINS, Column, from_plain, to_plain, with_tokens
from seqclf.text.growth import grow
from seqclf.text.tokenization import Tokenization

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def test_a_category_is_a_token_by_its_name_and_an_empty_cell_is_none() -> None:
    column = Column("brand")
    assert column.token(" Acme Ltd ") == "brand: Acme Ltd"
    assert column.token("  ") is None
    assert column.kind == "categorical"


@given(st.lists(FINITE, max_size=60), FINITE)
def test_a_number_falls_into_the_bin_that_numpy_says(numbers: list[float], number: float) -> None:
    column = Column.of_numbers("price", np.array(numbers))
    assert column.edges is not None
    assert column.token(repr(number)) == f"price: {np.searchsorted(np.array(column.edges), number, side='right')}"
    assert column.token(repr(number)) in column.bins()
    assert len(column.bins()) <= BINS


def test_bins_hold_about_as_many_numbers_each() -> None:
    numbers = np.exp(np.random.default_rng(0).normal(size=1600))
    column = Column.of_numbers("price", numbers)
    tokens = [column.token(str(number)) for number in numbers]
    assert {token: abs(tokens.count(token) - 100) <= 1 for token in column.bins()} == dict.fromkeys(column.bins(), True)


@pytest.mark.parametrize("cell", ["abc", "1,5", "nan", "inf", "1_000", "12 EUR", "0x1"])
def test_what_is_no_number_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match=r"number|convert"):
        Column("price", ()).token(cell)


def test_columns_are_written_down_and_read_again() -> None:
    kinds = {"brand": Column("brand"), "price": Column("price", (1.0, 2.5))}
    assert from_plain(to_plain(kinds)) == kinds
    for broken in ([], {"price": [2.0, 1.0]}, {"price": "x"}, {"price": ["a"]}):
        with pytest.raises(ValueError, match="must be"):
            from_plain(broken)


@pytest.mark.parametrize("kind", ["words", "pieces", "unigram"])
def test_tokens_of_columns_are_behind_all_others_and_no_text_has_them(kind: str) -> None:
    tokenizer = Tokenization(split="whitespace").train(["brand: acme brand:acme"])
    if kind == "pieces":
        tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    elif kind == "unigram":
        tokenizer = Tokenizer(models.Unigram([("[UNK]", 0.0), ("a", -1.0), ("b", -2.0)], unk_id=0))
    size, texts = tokenizer.get_vocab_size(), ["brand: acme", "ab", "brand:acme b a"]
    before = [tokenizer.encode(text).ids for text in texts]
    more = with_tokens(tokenizer, ["brand: acme", "price: 1", "brand: acme"])
    assert more.token_to_id("brand: acme") == size
    assert more.token_to_id("price: 1") == size + 1
    assert [more.encode(text).ids for text in texts[1:]] == before[1:]
    if kind == "words":
        assert more.encode(texts[0]).ids == before[0]
        assert grow(more, {"new": 1}).token_to_id("new") == size + 2
