import csv
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score

from seqclf.run.charts import line_chart
from seqclf.run.compose import compose
from seqclf.run.evidence import Evidence, read_evidence
from seqclf.run.page import bar, facts, table
from seqclf.run.report_errors import _mistaken, suspected
from seqclf.run.report_scores import f1_intervals
from seqclf.run.results import RunResult
from seqclf.run.statistics import bootstrap_interval
from seqclf.run.train import train
from seqclf.text.label_sets import list_cell
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

QUICK = ("trainer.max_epochs=2", "trainer.threads=1", "trainer.progress_bar=false", "embedder.embedding_dim=8")


class Page(HTMLParser):
    """What a browser would fetch, and the headings."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.headings: list[str] = []
        self.tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tag = tag
        self.fetched += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "xlink:href")]

    def handle_data(self, data: str) -> None:
        if self.tag == "h2" and data.strip():
            self.headings.append(data)


def write(path: Path, records: int, multilabel: bool) -> Path:
    rng = np.random.default_rng(records)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "body", "label"])
        for number in range(records):
            sort = int(rng.integers(3))
            label = "abc"[sort if rng.random() < 0.8 else int(rng.integers(3))]
            words = [f"w{sort}{rng.integers(4)}" for _ in range(int(rng.integers(1, 20)))]
            title = "" if number % 4 == 0 else f"<b>{'xyz'[sort]}</b>"
            writer.writerow([title, " ".join(words), f"{label}|a" if multilabel else label])
    return path


def run(folder: Path, *overrides: str, multilabel: bool = False) -> RunResult:
    files = [
        f"data.{name}={write(folder / f'{name}.csv', size, multilabel)}"
        for name, size in (("train", 200), ("test", 90))
    ]
    return train(compose("data=files", *files, "data.text=[title,body]", *QUICK, *overrides))


@pytest.mark.parametrize("multilabel", [False, True])
def test_every_run_has_a_whole_page_that_fetches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, multilabel: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(tmp_path, "encoder=bag", *(("task=multilabel",) if multilabel else ()), multilabel=multilabel)
    text = (result.run_dir / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.fetched == []
    assert "url(" not in text
    assert "<b>x" not in text  # what records hold is text, not a page
    assert "nan" not in re.sub(r"<[^>]*>", " ", text).lower().split()
    wanted = ["Scores", "Learning curves", "Classes", "Calibration", "Precision and recall", "By length"]
    wanted += ["By the fields that are there", "Fields", "The surest mistakes", "Repeated texts", "Data", "Run"]
    wanted += [] if multilabel else ["Classes that are confused", "Labels that may be wrong"]
    assert set(wanted) <= set(page.headings)
    assert "<mark" in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    metrics = json.loads((result.run_dir / "metrics.json").read_text())
    accuracy = re.search(r"this model, test</td><td>([\d.]+) <small>\[([\d.]+), ([\d.]+)\]", text)
    assert accuracy is not None
    assert float(accuracy[1]) == pytest.approx(metrics["test/accuracy"], abs=1e-4)
    assert float(accuracy[2]) < metrics["test/accuracy"] < float(accuracy[3])


def vocabulary(separator: str | None = None, segment: str | None = None) -> Vocabulary:
    tokenizer = Tokenization().train(iter(["a b"]))
    return Vocabulary(tokenizer, ["a", "b"], ["text"], label_separator=separator, segment=segment)


def test_predictions_are_read_back_whole_and_sampled_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "predictions.csv"
    lines = ["row,text,label,prediction,probability,probability/a,probability/b"]
    lines += [f"{row},t{row},{'ab'[row % 2]},a,0.9,0.9,0.1" for row in range(10)]
    lines += ["10,odd,unknown,a,0.9,0.9,0.1", "11,none,,a,0.9,0.9,0.1"]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = read_evidence(file, vocabulary(), 2.0, 12)
    assert found is not None
    assert (found.total, found.rows, found.sampled) == (10, list(range(10)), "")
    assert found.confusion is not None
    assert found.confusion.tolist() == [[5, 0], [5, 0]]
    assert found.logits()[0, 0] - found.logits()[0, 1] == pytest.approx(2 * np.log(9))
    monkeypatch.setattr("seqclf.run.evidence.LIMIT", 4)
    some = read_evidence(file, vocabulary(), 2.0, 12)
    assert some is not None
    assert some.rows == [0, 3, 6, 9]
    assert "4 evenly spaced" in some.sampled
    assert some.confusion is not None
    assert some.confusion.sum() == 10
    file.write_text("row,text,prediction,probability,probability/a,probability/b\n0,t,a,.9,.9,.1\n", encoding="utf-8")
    assert read_evidence(file, vocabulary(), 1.0, 1) is None


def test_several_labels_and_lists_of_texts_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "predictions.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(["row", "text", "label", "prediction", "probability", "probability/a", "probability/b"])
        writer.writerow([0, '["one.", "two."]', "a;b", "b", 0.5, 0.4, 0.8])
        writer.writerow([1, "three", "", "", 0.5, 0.4, 0.2])
    found = read_evidence(file, vocabulary(";", "sentences"), 1.0, 2)
    assert found is not None
    assert (found.gold.tolist(), found.given.tolist()) == ([[1, 1], [0, 0]], [[0, 1], [0, 0]])
    assert found.right.tolist() == [False, True]
    assert found.texts == [(list_cell(["one.", "two."]),), ("three",)]


def test_confident_learning_finds_the_labels_that_were_exchanged() -> None:
    rng = np.random.default_rng(0)
    true = rng.integers(3, size=300)
    probabilities = np.full((300, 3), 0.1)
    probabilities[np.arange(300), true] = 0.8
    labels = true.copy()
    labels[:12] = (true[:12] + 1) % 3
    assert sorted(suspected(probabilities, labels)) == list(range(12))


@pytest.mark.parametrize("several", [False, True])
def test_intervals_of_f1_are_those_of_drawing_records_one_by_one(several: bool) -> None:
    rng = np.random.default_rng(0)
    gold = rng.integers(2, size=(150, 4)) if several else rng.integers(4, size=150)
    given = np.where(rng.random(gold.shape) < 0.7, gold, 1 - gold if several else rng.integers(4, size=150))
    found = f1_intervals(gold, given, 4)
    for name, own in found.items():
        average = name.removeprefix("f1_")
        labels = None if several else range(4)

        def score(gold: Any, given: Any, average: str = average, labels: Any = labels) -> float:
            return float(f1_score(gold, given, labels=labels, average=average, zero_division=0))

        assert own == pytest.approx(bootstrap_interval(score, gold, given, rounds=300), abs=0.02)


def test_words_stand_left_numbers_right_and_nothing_is_not_listed() -> None:
    shown = table(("is", "a", "records", "right"), [("<a>", "b", 12345, bar(0.5)), ("c", "", 1, bar(1.0))])
    assert re.findall(r"<th( class=\"words\")?>(\w+)", shown) == [
        (' class="words"', "is"),
        (' class="words"', "a"),
        ("", "records"),
        ("", "right"),
    ]
    assert "<td>12,345</td>" in shown
    assert "&lt;a&gt;" in shown
    listed = facts([("unknown_labels", {}), ("leaks", {"a<b": 3, "test": 0.123456789}), ("git", None)])
    assert "unknown" not in listed
    assert "git" not in listed
    assert "leaks</td>" in listed
    assert "a&lt;b 3, test 0.1235" in listed
    assert facts([("none", None)]) == ""


def test_of_several_labels_the_one_that_is_furthest_off_counts() -> None:
    gold, given = np.array([[1, 0, 1], [1, 0, 0]]), np.array([[1, 1, 0], [1, 0, 1]])
    chances = np.array([[0.99, 0.7, 0.2], [0.9, 0.1, 0.6]])
    texts: list[tuple[str, ...]] = [("a",), ("b",)]
    sure, which = _mistaken(Evidence(vocabulary(";"), [0, 1], texts, gold, given, chances, 1.0, None, 2))
    assert which.tolist() == [2, 2]
    assert sure == pytest.approx([0.8, 0.6])
    sure, which = _mistaken(Evidence(vocabulary(), [0, 1], texts, gold[:, 0], given[:, 1], chances, 1.0, None, 2))
    assert which.tolist() == [0, 0]
    assert sure == pytest.approx([0.99, 0.9])


def test_a_chart_places_its_points_on_its_axes() -> None:
    chart = line_chart("t", [("one", [(0, 0), (1, 1)])], "x", "y", (0, 1), (0, 1), diagonal=True)
    line = re.search(r'points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)"', chart)
    even = re.search(r'class="even" x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"', chart)
    assert line is not None
    assert even is not None
    assert line.groups() == even.groups()
    assert line_chart("t", [], "x", "y") == ""
    assert "nan" not in line_chart("t", [("one", [(1, 0.5)])], "x", "y")


@pytest.mark.parametrize(
    ("places", "marks"), [([1, 2], ["1", "2"]), ([1, 1.5, 2], ["1", "1.2", "1.4", "1.6", "1.8", "2"])]
)
def test_there_is_no_half_of_an_epoch(places: list[float], marks: list[str]) -> None:
    chart = line_chart("t", [("one", [(x, 0.5) for x in places])], "epoch", "y")
    assert re.findall(r'text-anchor="middle">([\d.]+)<', chart) == marks
