"""Learning curves: samples that hold one another, runs that are not repeated, a table and a picture."""

import csv
import json
import random
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from seqclf.data.files import Files
from seqclf.errors import UserError
from seqclf.run.learning_curve import learning_curve
from seqclf.run.sample import Sample, draw

QUICK = [
    "data=files",
    "trainer.max_epochs=1",
    "trainer.progress_bar=false",
    "logger=none",
    "embedder.buckets=100",
]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, rows: int, seed: int = 0) -> str:
    generator = random.Random(seed)
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for row in range(rows):
            label = generator.choice("aaab")
            writer.writerow([f"word{label} x{row}", label])
    return name


def test_a_sample_has_its_share_of_every_class_and_lies_in_the_larger_one() -> None:
    labels = np.array([0] * 60 + [1] * 30 + [2] * 9 + [3])
    before: set[int] = set()
    for records in (4, 10, 20, 50, 100):
        drawn = draw(labels, records, seed=1)
        assert before <= set(drawn.tolist())
        before = set(drawn.tolist())
        assert len(before) == records
        counts = np.bincount(labels[drawn], minlength=4)
        assert counts.min() >= 1
        assert np.abs(counts - records * np.bincount(labels) / 100).max() <= 3
    assert set(labels[draw(labels, 2, seed=1)]) == {0, 1}  # the frequent ones, where not all can be there
    assert (draw(labels, 20, seed=1) != draw(labels, 20, seed=2)).any()


def test_validation_and_test_are_the_same_for_every_sample() -> None:
    write("train.csv", 50)
    write("test.csv", 10)

    def tables(records: int, seed: int) -> dict[str, list[str]]:
        source = Sample(lambda: Files("train.csv", test="test.csv"), records, seed, validation_share=0.2)
        return {name: [row.values[0] for row in table.select(["text"])] for name, table in source.splits().items()}

    small, large = tables(10, 1), tables(40, 2)
    assert len(small["train"]) == 10
    assert small["validation"] == large["validation"]
    assert len(small["validation"]) == 10
    assert not set(large["train"]) & set(large["validation"])
    assert len(large["test"]) == 10


def test_curves_of_models_and_baselines_are_written_and_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    data = [*QUICK, f"data.train={write('train.csv', 60)}", f"data.test={write('test.csv', 20)}"]
    arguments = {"sizes": [12, 1.0], "seeds": [1, 2], "output": "out"}
    models = ["encoder=bag", "encoder=cnn encoder.num_filters=5"]
    points = learning_curve(models, data, **arguments)  # type: ignore[arg-type]
    found = {(point["model"], point["records"], point["seed"]) for point in points}
    names = {*models, "linear SVM on TF-IDF", "majority class"}
    assert found == {(name, size, seed) for name in names for size in (12, 54) for seed in (1, 2)}
    metrics = json.loads((Path(points[0]["run"]) / "metrics.json").read_text())
    assert (metrics["train/records"], metrics["seed"]) == (points[0]["records"], points[0]["seed"])
    assert points[0]["value"] == metrics["test/accuracy"]
    with Path("out/learning_curve.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == len(points)
    assert ElementTree.parse("out/learning_curve.svg").getroot().tag.endswith("svg")
    written = {path: path.stat().st_mtime_ns for path in Path("out/runs").rglob("metrics.json")}
    again = learning_curve(models, data, picture="png", **arguments)  # type: ignore[arg-type]
    assert again == points
    assert {path: path.stat().st_mtime_ns for path in Path("out/runs").rglob("metrics.json")} == written
    assert Path("out/learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert "majority class" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"picture": "gif"}, "picture must be svg or png, not 'gif'"),
        ({"sizes": [100]}, "there are 54 training records to draw from, so 100 of them is no sample"),
        ({"sizes": [0.001]}, "so 0 of them is no sample"),
        ({"models": ["encodr=bag"]}, "encodr"),
    ],
)
def test_a_mistake_is_said_before_anything_is_trained(arguments: dict[str, object], message: str) -> None:
    data = [*QUICK, f"data.train={write('train.csv', 60)}"]
    with pytest.raises(UserError, match=message):
        learning_curve(**{"models": ["encoder=bag"], "overrides": data, "output": "out", **arguments})  # type: ignore[arg-type]
    assert not Path("out").exists()
