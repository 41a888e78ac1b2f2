"""Every record is held out once, and a cross-validation is what its folds are."""

import csv
import json
import random
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqclf.data.files import Files
from seqclf.errors import UserError
from seqclf.run.checkpoints import UNFINISHED
from seqclf.run.compose import compose
from seqclf.run.fold import Fold
from seqclf.run.fold_assignment import assign_folds
from seqclf.run.results import RunResult
from seqclf.run.train import train

QUICK = (
    "data=files",
    "trainer.max_epochs=2",
    "trainer.progress_bar=false",
    "logger=none",
    "embedder.buckets=100",
    "data.batch_size=16",
)


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, rows: int, seed: int = 0) -> str:
    """Records of three classes, the last one rare, whose word tells the class; five of each author."""
    generator = random.Random(seed)
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "other", "label", "author"])
        for row in range(rows):
            label = generator.choice("aaabbbc")
            writer.writerow([f"word{label} {generator.randrange(9)}", f"x{row}", label, f"author {row // 5}"])
    return name


def read(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def run(*overrides: str) -> RunResult:
    return train(compose(*QUICK, *overrides))


def test_every_record_is_predicted_by_the_model_that_did_not_learn_from_it() -> None:
    write("train.csv", 60)
    Path("test.csv").write_text('text,other,label\na,b,a\n"broken')  # it would be an error if it were read
    result = run("data.train=train.csv", "data.test=test.csv", "data.text=[text]", "cv=3")
    table = read(Path("train.csv"))
    predicted = read(result.run_dir / "predictions.csv")
    assert [int(line["row"]) for line in predicted] == list(range(60))
    assert [(line["text"], line["label"]) for line in predicted] == [(line["text"], line["label"]) for line in table]
    for fold in range(3):
        folder = result.run_dir / "folds" / str(fold)
        own = [line for line in predicted if line["fold"] == str(fold)]
        said = read(folder / "predictions.csv")
        assert [line["probability/a"] for line in own] == [line["probability/a"] for line in said]
        metrics = json.loads((folder / "metrics.json").read_text())
        assert metrics["test/records"] == len(own)
        assert metrics["train/records"] + metrics["validation/records"] == 60 - len(own)
        right = sum(line["prediction"] == line["label"] for line in own) / len(own)
        assert result.metrics["fold_scores"][fold] == pytest.approx(right) == pytest.approx(metrics["test/accuracy"])


def test_the_score_is_the_mean_of_the_folds_and_deviations_stand_beside_it() -> None:
    result = run(f"data.train={write('train.csv', 60)}", "data.text=[text]", "cv=3")
    folds = [json.loads((result.run_dir / f"folds/{fold}/metrics.json").read_text()) for fold in range(3)]
    written = json.loads((result.run_dir / "metrics.json").read_text())
    for name in ("accuracy", "f1_macro", "f1/a", "loss"):
        values = [fold[f"test/{name}"] for fold in folds]
        assert written[f"validation/{name}"] == pytest.approx(statistics.mean(values))
        assert written[f"deviation/{name}"] == pytest.approx(statistics.stdev(values))
    linear = [fold["baseline/linear/accuracy"] for fold in folds]
    assert written["baseline/linear/accuracy"] == pytest.approx(statistics.mean(linear))
    assert result.score == written["score"] == pytest.approx(written["validation/accuracy"])
    assert "test/accuracy" not in written
    assert (result.model_dir / "model.safetensors").is_file()


def test_the_folds_are_those_of_the_split_seed_whatever_the_seed() -> None:
    write("train.csv", 40)
    kept = ("data.train=train.csv", "data.text=[text]", "cv=2", "baselines=false", "trainer.max_epochs=1")
    folds = [
        [line["fold"] for line in read(run(*kept, *other).run_dir / "predictions.csv")]
        for other in ((), ("seed=7", "encoder=cnn"), ("data.split_seed=14",))
    ]
    assert folds[0] == folds[1] != folds[2]


def test_groups_stay_together_and_are_no_field() -> None:
    result = run(f"data.train={write('train.csv', 60)}", "cv=3", "cv_groups=author", "baselines=false")
    predicted = read(result.run_dir / "predictions.csv")
    assert "author" not in predicted[0]
    assert {"text", "other"} <= set(predicted[0])
    table = read(Path("train.csv"))
    of_author: dict[str, set[str]] = {}
    for line, record in zip(predicted, table, strict=True):
        of_author.setdefault(record["author"], set()).add(line["fold"])
    assert {len(folds) for folds in of_author.values()} == {1}


def test_groups_are_on_one_side_of_the_choice_of_the_epoch_too() -> None:
    write("train.csv", 100)
    fold = Fold(lambda: Files("train.csv"), 0, 4, "author", validation_share=0.2)
    authors = {name: {row.values[0] for row in table.select(["author"])} for name, table in fold.splits().items()}
    sizes = sorted(map(len, authors.values()))  # which of two is not the same in every version of scikit-learn
    assert sizes in ([3, 5, 12], [4, 5, 11])
    assert len(set.union(*authors.values())) == 20


def test_of_several_labels() -> None:
    with Path("train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        writer.writerows(
            [f"w{row % 3} v{row % 2}", "|".join(["x"] * (row % 3 == 0) + ["y"] * (row % 2))] for row in range(48)
        )
    result = run("data.train=train.csv", "task=multilabel", "cv=2")
    assert result.metrics["folds"] == 2
    assert [line["label"] for line in read(result.run_dir / "predictions.csv")] == [
        line["label"] for line in read(Path("train.csv"))
    ]


def test_of_pairs() -> None:
    with Path("train.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["l", "r", "label"])
        writer.writerows([f"w{row % 5}", f"w{row % 3}", "same" if row % 5 == row % 3 else "other"] for row in range(45))
    result = run("data.train=train.csv", "task=pair", "data.left=[l]", "data.right=[r]", "cv=2", "baselines=false")
    assert [int(line["row"]) for line in read(result.run_dir / "predictions.csv")] == list(range(45))


def test_every_fold_has_its_share_of_every_class() -> None:
    labels = np.array([0] * 50 + [1] * 30 + [2] * 5 + [3])
    folds = assign_folds(labels, 10, seed=1)
    for label, count in ((0, 50), (1, 30), (2, 5), (3, 1)):
        found = np.bincount(folds[labels == label], minlength=10)
        assert found.sum() == count
        assert found.max() - found.min() <= 1
    assert (folds == assign_folds(labels, 10, seed=1)).all()
    assert (folds != assign_folds(labels, 10, seed=2)).any()


def test_more_folds_than_records_of_any_class_are_dealt_all_the_same() -> None:
    assert np.bincount(assign_folds(np.array([0, 0, 1, 1, 2, 2]), 6, seed=1)).tolist() == [1] * 6


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("cv=1",), "cv must be a whole number of folds, at least 2, not 1"),
        (("cv=many",), "cv must be a whole number of folds, at least 2, not 'many'"),
        (("cv=50",), "at most the number of records, 40, but is 50"),
        (("cv=9", "cv_groups=author"), "at most the number of groups, 8, but is 9"),
        (("cv=2", "cv_groups=writer"), r"no column 'writer' \(cv_groups\)"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_trained(
    overrides: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    write("train.csv", 40)
    with pytest.raises(UserError, match=message):
        run("data.train=train.csv", "data.text=[text]", *overrides)
    assert not list(tmp_path.rglob("checkpoints"))


def test_check_trains_nothing(tmp_path: Path) -> None:
    run(f"data.train={write('train.csv', 40)}", "data.text=[text]", "cv=4", "check=true")
    assert not (tmp_path / "outputs").exists()


def test_own_tables_may_hold_lists_of_texts() -> None:
    lines: list[dict[str, Any]] = [{"text": [f"one {row % 2}", "two"], "label": "ab"[row % 2]} for row in range(40)]
    Path("train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    kept = ("tokens.segment=sentences", "multifield=attention", "baselines=false", "trainer.max_epochs=1")
    assert run("data.train=train.jsonl", "cv=2", *kept).metrics["folds"] == 2


SMALLEST = ("data.text=[text]", "cv=2", "trainer.max_epochs=1", "baselines=false")


def again(*overrides: str) -> tuple[RunResult, list[bool]]:
    """A cross-validation in the folder `run`, and which of its folds were trained in it."""
    models = [Path("run").resolve() / "folds" / fold / "model" / "model.safetensors" for fold in "01"]
    before = [model.stat().st_mtime_ns if model.exists() else None for model in models]
    result = train(compose(*QUICK, *SMALLEST, "data.train=train.csv", *overrides), folder=Path("run").resolve())
    return result, [model.stat().st_mtime_ns != then for model, then in zip(models, before, strict=True)]


def test_a_fold_that_was_done_is_not_trained_again_by_the_same_command() -> None:
    write("train.csv", 60)
    first, trained = again()
    assert trained == [True, True]
    predicted = Path("run/predictions.csv").read_bytes()
    Path("run/folds/1/checkpoints", UNFINISHED).touch()  # it was stopped in the second fold
    Path("run/folds/1/metrics.json").unlink()
    second, trained = again("trainer.save_every=3")
    assert trained == [False, True]
    assert second.metrics["fold_scores"] == first.metrics["fold_scores"]
    assert Path("run/predictions.csv").read_bytes() == predicted


@pytest.mark.slow
def test_folds_of_other_settings_or_data_are_trained_anew() -> None:
    write("train.csv", 60)
    again()
    assert again("seed=2")[1] == [True, True]
    assert again("seed=2", "resume=never")[1] == [True, True]
    write("train.csv", 60, seed=1)
    assert again("seed=2")[1] == [True, True]
    assert again("seed=2")[1] == [False, False]
