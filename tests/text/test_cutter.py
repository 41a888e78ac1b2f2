"""Words are cut as `tokenizers` cuts them, and counted as they are cut."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers

from seqclf.text import cutter as cutter_module
from seqclf.text.cutter import PATTERNS, Cutter, Split, runs, steps, well_formed

TEXT = st.text(st.characters(max_codepoint=0x17F)) | st.text("aB \x1c\t.'我é\u0301[UNK]") | st.text()


def words_of(tokenizer: Tokenizer, text: str) -> list[str]:
    normal = tokenizer.normalizer.normalize_str(well_formed(text))
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(normal)]


@pytest.mark.parametrize("split", PATTERNS)
@pytest.mark.parametrize("lowercase", [True, False])
def test_words_are_those_of_the_tokenizer(split: Split, lowercase: bool) -> None:
    tokenizer = steps(Tokenizer(models.WordLevel()), split, lowercase)
    cutter = Cutter(tokenizer)

    @given(st.lists(TEXT, max_size=3))
    def same(texts: list[str]) -> None:
        expected = [words_of(tokenizer, text) for text in texts]
        assert [cutter(text) for text in texts] == expected
        assert cutter.count(texts) == Counter(word for row in expected for word in row)
        if cutter.by_runs:
            assert [[word for run in runs(text) for word in cutter(run)] for text in texts] == expected

    same()


def test_all_but_characters_and_spaces_is_cut_a_run_at_a_time() -> None:
    ways = {split: Cutter(steps(Tokenizer(models.WordLevel()), split, True)).by_runs for split in PATTERNS}
    assert ways == {"words": True, "whitespace": True, "characters": True, "characters_and_spaces": False}
    other = steps(Tokenizer(models.WordLevel()), "words", True)
    other.normalizer = normalizers.Replace(" ", "")
    assert not Cutter(other).by_runs
    assert not Cutter(Tokenizer(models.WordLevel())).by_runs


@pytest.mark.parametrize("bound", ["MANY_RUNS", "MANY_CHARACTERS"])
def test_counting_forgets_runs_on_the_way(bound: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutter_module, bound, 3)
    cutter = Cutter(steps(Tokenizer(models.WordLevel()), "words", True))
    assert cutter.count(f"a, {number} A" for number in range(10)) == Counter(
        {"a": 20, ",": 10, **{str(number): 1 for number in range(10)}}
    )
