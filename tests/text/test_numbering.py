"""The short way to numbers gives what `tokenizers` gives."""

import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from seqclf.text import numbering as numbering_module
from seqclf.text.cutter import PATTERNS, Split
from seqclf.text.numbering import MANY_CORES, Numbering
from seqclf.text.subwords import Subwords
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

TEXTS = ["The cat_s 12 mice, isn't it?", "ÄRGER in Zürich", "a\tb\x1cc\x0bd", "[UNK] [PAD]", "İ ß", "我爱 Python。", ""]
BY_RUNS: list[Split] = ["words", "whitespace", "characters"]


@pytest.fixture(autouse=True)
def few_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: MANY_CORES)


def by_tokenizers(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]


def by_numbering(numbering: Numbering, texts: list[str]) -> list[list[int]]:
    ids, lengths = numbering(texts)
    assert ids.dtype == "int32"
    assert lengths.sum() == len(ids)
    rows = iter(ids.tolist())
    return [[next(rows) for _ in range(length)] for length in lengths.tolist()]


@pytest.mark.parametrize("split", BY_RUNS)
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("longest", [None, 2])
def test_both_ways_give_the_same(split: Split, lowercase: bool, longest: int | None) -> None:
    tokenizer = Tokenization(split, lowercase, max_length=longest).train(TEXTS)
    numbering = Numbering(tokenizer)
    assert numbering._runs is not None  # the short way is gone

    @example("".join(map(chr, range(128))))
    @example("".join(character for character in map(chr, range(0x110000)) if character.isspace()))
    @example(" ".join(TEXTS))
    @given(
        st.text(st.characters(exclude_categories=["Cs"]))
        | st.text(st.characters(max_codepoint=0x17F))
        | st.text(st.characters(max_codepoint=127))
        | st.text("aB \x1c\u0301\u3099か\u2028é")
    )
    def same(text: str) -> None:
        texts = [text, f"a {text} b", *TEXTS]
        assert by_numbering(numbering, texts) == by_tokenizers(tokenizer, texts)

    same()


@pytest.mark.parametrize("model", ["bpe", "wordpiece"])
def test_pieces_of_words_go_the_short_way_too(model: str) -> None:
    tokenizer = Subwords(model, max_size=60, max_length=5).train(TEXTS * 2)  # type: ignore[arg-type]
    numbering = Numbering(tokenizer)
    assert numbering._runs is not None
    texts = [*TEXTS, "The mice of Zürich", " 我爱Zürich\n"]
    assert by_numbering(numbering, texts) == by_tokenizers(tokenizer, texts)


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbering_module, "KEPT", 500)
    tokenizer = Tokenization().train(TEXTS)
    numbering = Numbering(tokenizer)
    assert numbering._runs is not None
    for number in range(100):
        texts = [f"mice {number} Zürich{number}"]
        assert by_numbering(numbering, texts) == by_tokenizers(tokenizer, texts)
        assert len(numbering._runs) < 10


def test_other_tokenizers_and_many_cores_go_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(PATTERNS) - set(BY_RUNS) == {"characters_and_spaces"}
    spaced = Tokenization("characters_and_spaces").train(TEXTS)
    assert Numbering(spaced)._runs is None
    assert by_numbering(Numbering(spaced), TEXTS) == by_tokenizers(spaced, TEXTS)
    numbering = Numbering(Tokenization().train(TEXTS))
    monkeypatch.setattr("os.cpu_count", lambda: MANY_CORES + 1)
    monkeypatch.setattr(numbering_module, "runs", None)  # is not asked for
    assert [len(ids) for ids in by_numbering(numbering, ["The mice", "Zürich"])] == [2, 1]


def test_what_is_kept_is_not_sent_to_another_process() -> None:
    numbering = Numbering(Tokenization().train(TEXTS))
    before = len(pickle.dumps(numbering))
    numbering([f"run{number}" for number in range(100)])
    assert len(pickle.dumps(numbering)) == before
    assert by_numbering(pickle.loads(pickle.dumps(numbering)), TEXTS) == by_numbering(numbering, TEXTS)


def test_a_vocabulary_numbers_lone_surrogates_too() -> None:
    vocab = Vocabulary(Tokenization().train(TEXTS), ["a"], ["text"])
    ids, lengths = vocab.encode(["the cat_s", "the \ud800", ""])
    assert lengths.tolist() == [2, 2, 0]
    assert ids.tolist()[0] == ids.tolist()[2]
