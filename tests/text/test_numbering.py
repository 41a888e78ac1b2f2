"""The short way to numbers gives what `tokenizers` gives."""

from typing import Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqclf.text.numbering import ASCII_PATTERNS, MANY_CORES, Numbering
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

TEXTS = ["The cat_s 12 mice, isn't it?", "ÄRGER in Zürich", "a\tb\x1cc\x0bd", "[UNK] [PAD]", "İ ß"]


@pytest.fixture(autouse=True)
def few_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: MANY_CORES)


@pytest.mark.parametrize("split", sorted(ASCII_PATTERNS))
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("longest", [None, 2])
def test_both_ways_give_the_same(split: Literal["words", "characters"], lowercase: bool, longest: int | None) -> None:
    tokenizer = Tokenization(split, lowercase, max_length=longest).train(TEXTS)
    numbering = Numbering(tokenizer)
    assert numbering._cut is not None  # the short way is gone

    @example("".join(map(chr, range(128))))
    @example(" ".join(TEXTS))
    @given(st.text(st.characters(max_codepoint=0x17F)) | st.text(st.characters(max_codepoint=127)))
    def same(text: str) -> None:
        expected = [tokenizer.encode(each, add_special_tokens=False).ids for each in (text, *TEXTS)]
        assert numbering([text, *TEXTS]) == expected

    same()


def test_other_tokenizers_go_their_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Numbering(Tokenization("whitespace").train(TEXTS))._cut is None
    numbering = Numbering(Tokenization().train(TEXTS))
    monkeypatch.setattr("os.cpu_count", lambda: MANY_CORES + 1)
    monkeypatch.setattr(numbering, "_known", None)  # is not asked for
    assert [len(ids) for ids in numbering(["The mice", "Zürich"])] == [2, 1]


def test_a_vocabulary_numbers_lone_surrogates_too() -> None:
    vocab = Vocabulary(Tokenization().train(TEXTS), ["a"], ["text"])
    ids, lengths = vocab.encode(["the cat_s", "the \ud800", ""])
    assert lengths.tolist() == [2, 2, 0]
    assert ids.tolist()[0] == ids.tolist()[2]
