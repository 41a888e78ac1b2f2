"""An ensemble is the mean of its members' probabilities, scored as a run is."""

import csv
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from seqclf.errors import UserError
from seqclf.run.compose import compose
from seqclf.run.ensemble import ensemble
from seqclf.run.train import train

FILES = {"_target_": "seqclf.data.files.Files", "_partial_": True}
QUICK = (
    "data=files",
    "trainer.max_epochs=2",
    "trainer.progress_bar=false",
    "baselines=false",
    "logger=none",
    "embedder.buckets=100",
    "data.batch_size=16",
)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, rows: int, seed: int) -> str:
    generator = random.Random(seed)
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(rows):
            label = generator.choice("aabc")
            writer.writerow([f"word{label if generator.random() < 0.6 else ''} {generator.randrange(9)}", label])
    return name


def run(*overrides: str) -> str:
    return str(train(compose(*QUICK, *overrides)).run_dir)


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def mean_probabilities(runs: list[str], classes: str = "abc") -> Any:
    files = [read(Path(folder) / "predictions.csv") for folder in runs]
    return np.mean(
        [[[float(line[f"probability/{name}"]) for name in classes] for line in file] for file in files], axis=0
    )


def test_the_ensemble_is_the_mean_and_scored_as_scikit_learn_scores() -> None:
    data = (f"data.train={write('train.csv', 80, 1)}", f"data.test={write('test.csv', 37, 2)}")
    runs = [run(*data, f"seed={seed}", *other) for seed, other in ((1, ()), (2, ("encoder=cnn",)))]
    metrics = ensemble(runs, output="out")
    chances = mean_probabilities(runs)
    gold = [line["label"] for line in read(Path("test.csv"))]
    given = ["abc"[at] for at in chances.argmax(axis=1)]
    assert metrics["test/accuracy"] == pytest.approx(accuracy_score(gold, given))
    assert metrics["test/f1_macro"] == pytest.approx(f1_score(gold, given, average="macro", zero_division=0))
    assert metrics["test/loss"] == pytest.approx(-np.mean([np.log(row["abc".index(label)]) for row, label in zip(chances, gold, strict=True)]), rel=1e-4)  # noqa: E501  # fmt: skip
    lines = read(Path("out/predictions.csv"))
    assert [line["prediction"] for line in lines] == given
    assert [float(line["probability"]) for line in lines] == pytest.approx(chances.max(axis=1), rel=1e-6)
    assert list(lines[0]) == list(read(Path(runs[0]) / "predictions.csv")[0])
    assert json.loads(Path("out/metrics.json").read_text())["test/accuracy"] == metrics["test/accuracy"]
    for folder, accuracy in zip(runs, metrics["member_accuracy"], strict=True):
        assert accuracy == pytest.approx(json.loads((Path(folder) / "metrics.json").read_text())["test/accuracy"])


def test_the_models_of_a_cross_validation_are_an_ensemble_on_the_test_records() -> None:
    folder = run(f"data.train={write('train.csv', 60, 1)}", "cv=2")
    test = write("test.csv", 21, 2)
    metrics = ensemble([folder], output="out", data={**FILES, "test": test})
    assert metrics["test/records"] == 21
    assert len(metrics["members"]) == 2
    assert [line["text"] for line in read(Path("out/predictions.csv"))] == [line["text"] for line in read(Path(test))]


def test_several_labels_are_given_by_the_mean_of_the_thresholds() -> None:
    with Path("train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(
            [f"w{row % 3} v{row % 2}", "|".join(["x"] * (row % 3 == 0) + ["y"] * (row % 2))] for row in range(60)
        )
    data = ("data.train=train.csv", "data.test=train.csv", "task=multilabel")
    one = run(*data)
    same = ensemble([one, one], output="out")
    alone = json.loads((Path(one) / "metrics.json").read_text())
    for name in ("accuracy", "f1_micro", "f1/x", "auroc"):
        assert same[f"test/{name}"] == pytest.approx(alone[f"test/{name}"], abs=1e-6), name
    assert [line["prediction"] for line in read(Path("out/predictions.csv"))] == [
        line["prediction"] for line in read(Path(one) / "predictions.csv")
    ]


def test_runs_that_do_not_belong_together_are_refused() -> None:
    train_file = f"data.train={write('train.csv', 60, 1)}"
    one = run(train_file, f"data.test={write('test.csv', 20, 2)}", "trainer.max_epochs=1")
    longer = run(train_file, f"data.test={write('longer.csv', 21, 2)}", "trainer.max_epochs=1")
    other = run(train_file, f"data.test={write('other.csv', 20, 3)}", "trainer.max_epochs=1")
    Path("two.csv").write_text("text,label\n" + "x,a\ny,b\n" * 20)
    labels = run("data.train=two.csv", "data.test=test.csv", "trainer.max_epochs=1")
    for runs, message in (
        ([one, longer], "20 records and .* 21"),
        ([one, other], "differ in record 0, column 'text'"),
        ([one, labels], "other labels: only one of them has c"),
        ([one], "two members or more"),
        ([one, "nowhere"], "There is no folder nowhere"),
    ):
        with pytest.raises(UserError, match=message):
            ensemble(runs, output="out")
    assert not Path("out").exists()
    (Path(one) / "predictions.csv").unlink()
    with pytest.raises(UserError, match="cannot be read: is this the folder of a finished run"):
        ensemble([one, longer])
