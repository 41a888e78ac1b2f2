import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.svm import LinearSVC

from seqclf.data.source import Source
from seqclf.data.store import build_store
from seqclf.data.table import MemoryTable, Table
from seqclf.run import baselines as module
from seqclf.run.baselines import baselines, run_baselines
from seqclf.text.tokenization import Tokenization

Rows = list[tuple[tuple[str, ...], str]]

TRAIN = [
    (("win money", "now"), "spam"),
    (("cheap money", ""), "spam"),
    (("win win", "cheap"), "spam"),
    (("lunch today", "at noon"), "ham"),
    (("lunch", "tomorrow"), "ham"),
]
EVAL = [(("money", "cheap"), "spam"), (("lunch", "at noon"), "ham"), (("win", "lunch money"), "spam")]


def run(train: Rows = TRAIN, scored: Rows = EVAL, **settings: int) -> dict[str, dict[str, float]]:
    columns = (list(column) for rows in (train, scored) for column in zip(*rows, strict=True))
    return baselines(*columns, **settings)


def test_majority_gives_everyone_the_commonest_label() -> None:
    found = run()["majority"]
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["f1_macro"] == pytest.approx(0.8 / 2)
    assert found["records"] == 5


def test_linear_is_scikit_learns_on_joined_fields() -> None:
    random = np.random.default_rng(0)
    words = np.array(["a", "b", "c", "d", "e", "!", "money"])
    labels = ["x", "y", "z", "never given"]
    rows = [
        ((" ".join(random.choice(words, 4)), " ".join(random.choice(words, 2))), labels[random.integers(3)])
        for _ in range(80)
    ]
    train, scored = [*rows[:60], (("q", "q"), "never given")], rows[60:]
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    features = vectorizer.fit_transform([" ".join(texts) for texts, _ in train])
    classifier = LinearSVC(random_state=0).fit(features, [label for _, label in train])
    given = classifier.predict(vectorizer.transform([" ".join(texts) for texts, _ in scored]))
    gold = [label for _, label in scored]
    found = run(train, scored)["linear"]
    assert found["accuracy"] == pytest.approx(np.mean(given == np.array(gold)))
    assert found["f1_macro"] == pytest.approx(f1_score(gold, given, labels=labels, average="macro", zero_division=0))


def test_linear_learns_what_majority_cannot() -> None:
    assert run()["linear"]["accuracy"] == 1.0


@pytest.mark.parametrize("unknown", ["new", None])
def test_an_unknown_label_counts_as_wrong_and_nowhere_else(unknown: str | None) -> None:
    expected = run()
    found = run(scored=[*EVAL, (("win", "money"), unknown)])
    for name in expected:
        assert found[name]["accuracy"] == pytest.approx(expected[name]["accuracy"] * 3 / 4)
        assert found[name]["f1_macro"] == pytest.approx(expected[name]["f1_macro"])


@pytest.mark.parametrize(
    "train",
    [[((" ", ""), "spam"), (("", ""), "ham"), (("", ""), "ham")], [(("win", "money"), "ham"), (("b", "c"), "ham")]],
)
def test_where_there_is_nothing_to_learn_linear_is_majority(train: Rows) -> None:
    found = run(train)
    assert found["linear"] == found["majority"]
    assert found["majority"]["accuracy"] == pytest.approx(1 / 3)


def test_texts_of_single_characters_and_signs_are_words_too() -> None:
    train = [(("大",), "big"), (("小",), "small"), (("!",), "loud")] * 2
    assert run(train, train)["linear"]["accuracy"] == 1.0


def test_linear_learns_from_no_more_records_than_the_limit_and_says_so() -> None:
    train = [(("lunch", str(number)), "ham") for number in range(30)] + [(("win", "money"), "spam")] * 30
    found = run(train, limit=20)
    assert found["linear"]["records"] == 20
    assert found["majority"]["records"] == 60
    assert found["linear"]["accuracy"] == pytest.approx(1.0)
    assert found == run(train, limit=20)


def test_records_are_scored_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = run(scored=EVAL * 5)
    monkeypatch.setattr("seqclf.run.linear_svm.PIECE", 2)
    assert run(scored=EVAL * 5) == expected


def test_nothing_to_score_gives_zeros() -> None:
    assert baselines([("a",), ("b",)], ["x", "y"], [], [])["linear"]["accuracy"] == 0.0


class Tables(Source):
    def __init__(self, **tables: Rows) -> None:
        super().__init__(None, "label")
        self.given = tables

    def splits(self) -> dict[str, Table]:
        return {
            split: MemoryTable(split, ["title", "body", "label"], [(*texts, label) for texts, label in rows])
            for split, rows in self.given.items()
        }


def named(figures: dict[str, dict[str, float]]) -> dict[str, float]:
    return {f"baseline/{name}/{key}": value for name, own in figures.items() for key, value in own.items()}


def test_a_run_is_scored_on_its_test_records(tmp_path: Path) -> None:
    test = [*EVAL, (("money", ""), "new"), (("money", ""), "")]
    source = Tables(train=TRAIN * 3, test=test)
    store = build_store(source, Tokenization(), validation_size=3, cache=tmp_path)
    kept = [TRAIN[row % len(TRAIN)] for row in store.train.rows]
    assert run_baselines(source, store) == named(run(kept, test[:-1]))


@pytest.mark.parametrize("without", ["a test table", "a label in the test table"])
def test_a_run_without_test_labels_is_scored_on_its_validation_records(tmp_path: Path, without: str) -> None:
    tables = {"train": TRAIN, "validation": EVAL}
    if without == "a label in the test table":
        tables["test"] = [(texts, "") for texts, _ in EVAL]
    source = Tables(**tables)
    store = build_store(source, Tokenization(), cache=tmp_path)
    assert run_baselines(source, store) == named(run())


def test_validation_records_cut_from_the_training_table_are_not_learned_from(tmp_path: Path) -> None:
    train = TRAIN * 4
    source = Tables(train=train)
    store = build_store(source, Tokenization(), validation_size=6, cache=tmp_path)
    expected = run([train[row] for row in store.train.rows], [train[row] for row in store.validation.rows])
    assert run_baselines(source, store) == named(expected)


def test_without_records_to_score_there_are_none(tmp_path: Path) -> None:
    source = Tables(train=TRAIN)
    assert run_baselines(source, build_store(source, Tokenization(), validation_size=0, cache=tmp_path)) == {}


def test_they_are_kept_beside_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Tables(train=TRAIN, test=EVAL)
    store = build_store(source, Tokenization(), validation_size=0, cache=tmp_path)
    expected = run_baselines(source, store)
    monkeypatch.setattr(module, "baselines", lambda *_: pytest.fail("computed again"))
    assert run_baselines(source, store) == expected


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"settings": "of another version", "figures": {}})])
def test_a_broken_or_old_file_of_them_is_made_anew(tmp_path: Path, text: str) -> None:
    source = Tables(train=TRAIN, test=EVAL)
    store = build_store(source, Tokenization(), validation_size=0, cache=tmp_path)
    expected = run_baselines(source, store)
    (file,) = tmp_path.glob("*-baselines.json")
    file.write_text(text, encoding="utf-8")
    assert run_baselines(source, store) == expected
    assert json.loads(file.read_text(encoding="utf-8"))["figures"]
