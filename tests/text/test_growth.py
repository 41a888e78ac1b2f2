from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from seqclf.text.cutter import Cutter
from seqclf.text.growth import grow as grow_by
from seqclf.text.tokenization import Tokenization

TEXTS = st.lists(st.text(alphabet="abcD [PAUNK] .é", max_size=12), max_size=6)


def grow(tokenizer: Tokenizer, texts: list[str], min_count: int = 1, max_size: int | None = None) -> Tokenizer:
    return grow_by(tokenizer, Cutter(tokenizer).count(texts), min_count, max_size)


def words(tokenizer: Tokenizer) -> list[str]:
    known = tokenizer.get_vocab(with_added_tokens=True)
    return sorted(known, key=known.__getitem__)


@given(TEXTS, TEXTS)
def test_known_words_keep_their_ids_and_new_ones_are_those_of_a_training_on_the_new_texts(
    old: list[str], new: list[str]
) -> None:
    tokenizer = Tokenization().train(old)
    before = words(tokenizer)
    grown = grow(tokenizer, new)
    assert words(tokenizer) == before
    alone = words(Tokenization().train(new))
    assert words(grown) == [*before, *(word for word in alone if word not in before)]
    for text in [*old, *new]:
        assert grown.encode(text).tokens == Tokenization().train([*old, *new]).encode(text).tokens


def test_rare_words_and_words_beyond_the_bound_stay_unknown() -> None:
    tokenizer = Tokenization().train(["one two"])
    new = ["three three three four four five"]
    assert words(grow(tokenizer, new, min_count=2))[4:] == ["one", "two", "three", "four"]
    assert words(grow(tokenizer, new, max_size=3))[4:] == ["one", "two", "three"]
    assert words(grow(tokenizer, new, max_size=1))[4:] == ["one", "two"]


def test_text_is_cut_as_before() -> None:
    tokenizer = Tokenization("whitespace", lowercase=False, max_length=3).train(["A-b c"])
    grown = grow(tokenizer, ["A-B A-b a b"])
    assert grown.encode("A-B A-b a b").tokens == ["A-B", "A-b", "a"]


def test_pieces_of_words_stay_as_they_are() -> None:
    tokenizer = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    assert grow_by(tokenizer, {"new": 1, "words": 1}) is tokenizer
