from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers

from seqclf.batch import SPECIAL_TOKENS
from seqclf.errors import UserError
from seqclf.text.cutter import well_formed
from seqclf.text.tokenization import Tokenization


def tokens_of(tokenizer: Tokenizer, text: str) -> list[str]:
    return tokenizer.encode(text, add_special_tokens=False).tokens


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("words", ["don", "'", "t", "stop", "+", "+", "a_b", "café", "😀", "😀"]),
        ("whitespace", ["don't", "stop++", "a_b", "café", "😀😀"]),
        ("characters", [*"don'tstop++a_bcafé😀😀"]),
        ("characters_and_spaces", [*"don't stop++\ta_b café 😀😀"]),
    ],
)
def test_each_split_cuts_in_its_own_way(split: str, expected: list[str]) -> None:
    text = "Don't  stop++\ta_b CAFÉ 😀😀\n"
    assert tokens_of(Tokenization(split=split).train([text]), text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我爱Python3编程。", ["我", "爱", "python3", "编", "程", "。"]),
        ("ラーメンを食べる", ["ラ", "ー", "メ", "ン", "を", "食", "べ", "る"]),
        ("ภาษาไทยดี", ["ภ", "า", "ษ", "า", "ไ", "ท", "ย", "ดี"]),
        ("한국어 텍스트", ["한국어", "텍스트"]),
        ("हिन्दी में naïve", ["हिन्दी", "में", "naïve"]),
    ],
)
def test_scripts_without_spaces_between_words_are_cut_by_character(text: str, expected: list[str]) -> None:
    assert tokens_of(Tokenization().train([text]), text) == expected


LETTERS = st.characters(
    exclude_categories=["Cs"],
    codec="utf-8",
    max_codepoint=0xDFF,  # below Thai
)


@given(st.text(LETTERS))
@settings(deadline=None)
def test_other_scripts_are_cut_into_runs_of_letters_and_digits(text: str) -> None:
    plain = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    normal = normalizers.NFC().normalize_str(text)  # that of `unicodedata` knows other versions of Unicode
    assert Tokenization(lowercase=False).cutter(text) == [word for word, _ in plain.pre_tokenize_str(normal)]


def test_case_is_kept_where_asked_for() -> None:
    assert tokens_of(Tokenization(lowercase=False).train(["Word word"]), "Word word") == ["Word", "word"]


def test_composed_and_decomposed_accents_are_one_word() -> None:
    tokenizer = Tokenization().train(["caf\u00e9"])
    assert tokens_of(tokenizer, "cafe\u0301") == ["caf\u00e9"]


def test_special_tokens_come_first_and_frequent_words_next() -> None:
    tokenizer = Tokenization().train(["b a b c b a"])
    words = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    assert [word for word, _ in words] == [*SPECIAL_TOKENS, "b", "a", "c"]


def test_rare_words_are_unknown() -> None:
    tokenizer = Tokenization(min_count=2).train(["twice once twice"])
    assert tokenizer.encode("twice once").ids == [4, 1]


def test_max_size_counts_words_beside_the_special_tokens() -> None:
    tokenizer = Tokenization(max_size=2).train(["a a a b b c"])
    assert tokenizer.get_vocab_size() == len(SPECIAL_TOKENS) + 2
    assert tokenizer.encode("a b c").ids == [4, 5, 1]


def test_max_length_keeps_the_first_tokens() -> None:
    tokenizer = Tokenization(max_length=2).train(["a b c"])
    assert tokens_of(tokenizer, "c b a") == ["c", "b"]


@pytest.mark.parametrize("split", ["words", "whitespace", "characters", "characters_and_spaces"])
@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("special", SPECIAL_TOKENS)
def test_no_text_can_spell_a_special_token(split: str, lowercase: bool, special: str) -> None:
    text = f"x {special} {special.lower()} y{special} {special}{special}"
    trained_on_it = Tokenization(split=split, lowercase=lowercase).train([text])
    never_saw_it = Tokenization(split=split, lowercase=lowercase).train(["x"])
    assert min(trained_on_it.encode(text).ids) > 3
    assert set(never_saw_it.encode(text).ids) <= {1, 4}


@given(st.lists(st.text(max_size=20), max_size=8), st.randoms())
@settings(max_examples=40, deadline=None)
def test_numbers_do_not_depend_on_the_order_of_the_texts(texts: list[str], random: Random) -> None:
    shuffled = random.sample(texts, len(texts))
    assert Tokenization().train(texts).to_str() == Tokenization().train(shuffled).to_str()


@pytest.mark.parametrize("text", ["", " \t\n", "😀" * 5, "\x00", "a\x00b", "\ud800", "x\udfffy", "\u200d", "\ufeff"])
@pytest.mark.parametrize("split", ["words", "whitespace", "characters", "characters_and_spaces"])
def test_odd_texts_are_read(text: str, split: str) -> None:
    tokenizer = Tokenization(split=split).train([text, "other"])
    assert 1 not in tokenizer.encode(well_formed(text)).ids


def test_a_surrogate_alone_becomes_the_replacement_character() -> None:
    assert well_formed("a\ud800b 😀") == "a\ufffdb 😀"


def test_a_text_of_megabytes_is_read() -> None:
    tokenizer = Tokenization().train(["word " * 200_000])
    assert len(tokenizer.encode("word " * 200_000).ids) == 200_000


def test_training_without_a_single_word_leaves_the_special_tokens() -> None:
    assert Tokenization().train([]).get_vocab_size() == len(SPECIAL_TOKENS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "word"}, "tokens.split='word'. Did you mean 'words'"),
        ({"min_count": 0}, "tokens.min_count must be at least 1, but is 0"),
        ({"max_size": -1}, "tokens.max_size"),
        ({"max_length": 0}, "tokens.max_length"),
    ],
)
def test_impossible_settings_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message.replace(".", r"\.")):
        Tokenization(**arguments)


def test_words_of_a_file_of_vectors_are_known_behind_those_of_the_texts(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("".join(f"{word} 1 2\n" for word in ["b", "New", "new", "two words", "don't", "x"]))
    tokenizer = Tokenization(add_words=str(path)).train(["a b a"])
    words = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    assert [word for word, _ in words] == [*SPECIAL_TOKENS, "a", "b", "new", "x"]
    assert tokenizer.encode("NEW a").ids == [6, 4]


def test_a_file_of_vectors_that_changes_makes_other_settings(tmp_path: Path) -> None:
    path = tmp_path / "vectors.txt"
    path.write_text("a 1 2\n")
    before = Tokenization(add_words=str(path)).settings()
    path.write_text("a 1 2\nb 1 2\n")
    assert Tokenization(add_words=str(path)).settings() != before
    with pytest.raises(UserError, match="no such file"):
        Tokenization(add_words=str(tmp_path / "none.txt")).settings()


@pytest.mark.parametrize(
    "option",
    [{"split": "characters"}, {"lowercase": False}, {"min_count": 2}, {"max_size": 9}, {"max_length": 9},
     {"segment": "sentences"}],
)  # fmt: skip
def test_every_option_makes_other_settings(option: dict[str, Any]) -> None:
    tokenization = Tokenization()
    tokenization.cutter("what it keeps for itself is no setting")
    assert Tokenization().settings() == tokenization.settings() != Tokenization(**option).settings()
