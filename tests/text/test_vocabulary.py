import json
import pickle
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclf.errors import UserError
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import MISSING_LABEL, UNKNOWN_LABEL, Vocabulary

TEXTS = ["the cat sat", "the dog , it ran !", ""]


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary(Tokenization().train(TEXTS), ["spam", "ham"], ["title", "body"], join_fields=True)


def test_ids_decode_back_to_the_tokens(vocabulary: Vocabulary) -> None:
    ids, lengths = vocabulary.encode(TEXTS)
    assert lengths.tolist() == [3, 6, 0]
    assert [vocabulary.tokenizer.id_to_token(int(index)) for index in ids] == " ".join(TEXTS).split()


@given(st.lists(st.text(max_size=30), max_size=6))
@settings(max_examples=40, deadline=None)
def test_many_texts_are_numbered_as_each_one_alone(texts: list[str]) -> None:
    vocabulary = Vocabulary(Tokenization().train(TEXTS), [], ["text"])
    ids, lengths = vocabulary.encode(texts)
    alone = [vocabulary.encode([text])[0].tolist() for text in texts]
    assert ids.tolist() == list(chain.from_iterable(alone))
    assert lengths.tolist() == [len(each) for each in alone]


def test_size_counts_special_tokens_and_words(vocabulary: Vocabulary) -> None:
    assert vocabulary.size() == 4 + 8
    assert vocabulary.num_labels == 2
    with pytest.raises(ValueError, match="no indexer 'chars'"):
        vocabulary.size("chars")


def test_labels_are_numbered_by_their_place(vocabulary: Vocabulary) -> None:
    assert [vocabulary.label_index(label) for label in vocabulary.labels] == [0, 1]
    assert vocabulary.label_indices(["ham", "eggs", "spam"]).tolist() == [1, UNKNOWN_LABEL, 0]
    assert UNKNOWN_LABEL != MISSING_LABEL


def test_an_unknown_label_names_the_nearest(vocabulary: Vocabulary) -> None:
    with pytest.raises(UserError, match=r"no label 'spamm'. Did you mean 'spam'\?"):
        vocabulary.label_index("spamm")


def test_new_labels_are_appended_and_known_ones_keep_their_number(vocabulary: Vocabulary) -> None:
    extended = vocabulary.extend_labels(["eggs", "ham", "bacon", "eggs"])
    assert extended.labels == ["spam", "ham", "eggs", "bacon"]
    assert vocabulary.labels == ["spam", "ham"]
    assert (extended.fields, extended.join_fields) == (("title", "body"), True)


def test_a_label_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="distinct"):
        Vocabulary(Tokenization().train([]), ["a", "a"], ["text"])


@given(st.lists(st.text(max_size=8), unique=True, max_size=6))
@settings(max_examples=40, deadline=None)
def test_any_labels_survive_the_folder(tmp_path_factory: pytest.TempPathFactory, labels: list[str]) -> None:
    check_round_trip(labels, tmp_path_factory.mktemp("model"))


def test_labels_that_look_alike_or_are_no_text_at_all_survive_the_folder(tmp_path: Path) -> None:
    check_round_trip(["1", "01", "1.0", " 1 ", "NA", "null", "\ud800", "Mü\x00\n\u2028", "\\ud800"], tmp_path)


def check_round_trip(labels: list[str], folder: Path) -> None:
    vocabulary = Vocabulary(Tokenization(max_length=3).train(TEXTS), labels, ["title"])
    vocabulary.save(folder)
    loaded = Vocabulary.load(folder, ["title"])
    assert loaded.labels == labels
    assert json.loads((folder / "labels.json").read_bytes()) == labels
    assert loaded.encode(TEXTS)[0].tolist() == vocabulary.encode(TEXTS)[0].tolist()
    assert loaded.encode(TEXTS)[1].tolist() == [3, 3, 0]


def test_what_is_written_is_the_same_every_time(vocabulary: Vocabulary, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        vocabulary.save(tmp_path / name)
    for file in ("tokenizer.json", "labels.json"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


@pytest.mark.parametrize("file", ["tokenizer.json", "labels.json"])
@pytest.mark.parametrize("content", [None, "", "{}", "[1, 2]", "not json"])
def test_missing_and_broken_files_are_named(
    vocabulary: Vocabulary, tmp_path: Path, file: str, content: str | None
) -> None:
    vocabulary.save(tmp_path)
    if content is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(content)
    with pytest.raises(UserError, match=file):
        Vocabulary.load(tmp_path, ["title"])


def test_a_vocabulary_can_be_sent_to_another_process(vocabulary: Vocabulary) -> None:
    sent = pickle.loads(pickle.dumps(vocabulary))
    assert sent.encode(TEXTS)[0].tolist() == vocabulary.encode(TEXTS)[0].tolist()
    assert sent.label_index("ham") == 1
