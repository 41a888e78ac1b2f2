import tracemalloc
from collections import Counter
from typing import Any

import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline

from seqclf.data.synthetic import Synthetic
from seqclf.errors import UserError


def records(split: str = "train", **settings: Any) -> list[tuple[str, ...]]:
    return [row.values for row in Synthetic(**settings).splits()[split].rows()]


def test_the_numbers_are_those_asked_for() -> None:
    made = records(records=500, fields=3, lengths=[4, 30], classes=5, vocabulary=100)
    assert len(made) == 500
    assert {len(record) for record in made} == {4}
    assert {label for *_, label in made} == {f"class_{place}" for place in range(5)}
    means = [sum(len(record[place].split()) for record in made) / 500 for place in range(3)]
    assert means[0] == pytest.approx(4, rel=0.3)
    assert means[1] == pytest.approx(30, rel=0.3)
    assert means[2] == pytest.approx(4, rel=0.3)
    assert len({word for record in made for text in record[:-1] for word in text.split()}) <= 100
    assert len(records("test", records=500)) == 100


def test_the_same_settings_give_the_same_records_and_others_do_not() -> None:
    assert records(records=50) == records(records=50)
    assert records(records=50) != records(records=50, seed=14)
    assert records(records=50)[:10] != records("test", records=50)


def test_pieces_do_not_repeat_one_another() -> None:
    made = records(records=100, lengths=[10_000])
    assert len(set(made)) == 100


def test_classes_are_as_uneven_as_asked() -> None:
    counts = Counter(label for *_, label in records(records=20_000, lengths=[2], fields=1, classes=3, imbalance=16))
    assert counts["class_0"] / counts["class_2"] == pytest.approx(16, rel=0.2)
    assert counts["class_0"] / counts["class_1"] == pytest.approx(4, rel=0.2)


def test_as_many_fields_are_empty_as_asked() -> None:
    made = records(records=5000, missing=0.3)
    assert sum(not text for record in made for text in record[:-1]) / 10_000 == pytest.approx(0.3, abs=0.03)
    assert all(all(record) for record in records(records=200))


@pytest.mark.parametrize(("noise", "expected"), [(0.0, 1.0), (0.4, 0.8)])
def test_the_label_is_in_the_words_but_for_the_noise(noise: float, expected: float) -> None:
    settings: dict[str, Any] = {"records": 2000, "fields": 1, "lengths": [60], "classes": 2, "noise": noise}
    texts, labels = zip(*records(**settings), strict=True)
    learner = make_pipeline(CountVectorizer(), MultinomialNB()).fit(texts, labels)
    texts, labels = zip(*records("test", **settings), strict=True)
    assert learner.score(texts, labels) == pytest.approx(expected, abs=0.05)


def test_memory_does_not_grow_with_the_number_of_records() -> None:
    table = Synthetic(records=10**7, lengths=[5]).splits()["train"]
    tracemalloc.start()
    rows = table.rows()
    for _ in range(3000):
        next(rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 * 2**20


def test_the_fingerprint_is_that_of_the_settings() -> None:
    def fingerprint(split: str = "train", **settings: Any) -> str:
        return Synthetic(**settings).splits()[split].fingerprint()

    assert fingerprint() == fingerprint(lengths=[6, 40], text=["field_0"])
    others = [fingerprint("test"), fingerprint(records=9), fingerprint(seed=1), fingerprint(lengths=[6])]
    assert len({fingerprint(), *others}) == 5


@pytest.mark.parametrize(
    "settings",
    [
        {"records": 0},
        {"fields": 0},
        {"lengths": []},
        {"lengths": [0]},
        {"classes": 1},
        {"imbalance": 0.5},
        {"noise": 2.0},
        {"missing": -1.0},
        {"vocabulary": 5},
    ],
)
def test_a_setting_out_of_range_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=rf"data\.{next(iter(settings))} must be "):
        Synthetic(**settings)
