"""Runs are found again, sorted, filtered and compared."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from seqclf.errors import UserError
from seqclf.run.compose import compose, plain
from seqclf.run.kept_runs import find_runs
from seqclf.run.runs import runs
from seqclf.run.statistics import mcnemar
from seqclf.run.train import train

GOLD = ["a", "b"] * 20


def make_run(
    folder: Path, overrides: dict[str, str], given: list[str] | None, texts: str = "text", age: int = 0
) -> Path:
    """A run's folder as Hydra and a run leave it; without predictions it did not end."""
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "overrides.yaml").write_text(
        yaml.safe_dump([f"{key}={value}" for key, value in overrides.items()])
    )
    config = {
        "encoder": {"_target_": overrides.get("encoder", "bag")},
        "seed": int(overrides.get("seed", 1)),
        "data": {},
    }
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    if given is not None:
        accuracy = float(np.mean([one == two for one, two in zip(given, GOLD, strict=True)]))
        figures = {
            "test/records": 40,
            "test/accuracy": accuracy,
            "test/f1/a": accuracy,
            "score": accuracy,
            "seconds": 3.5,
        }
        (folder / "metrics.json").write_text(json.dumps(figures))
        with (folder / "predictions.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "text", "label", "prediction", "probability", "probability/a", "probability/b"])
            writer.writerows(
                [row, f"{texts} {row}", gold, one, 1.0, float(one == "a"), float(one == "b")]
                for row, (gold, one) in enumerate(zip(GOLD, given, strict=True))
            )
    for file in (folder / ".hydra", *folder.glob("*.json")):
        os.utime(file, (1e9 + age, 1e9 + age))
    return folder


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    wrong = [("b" if gold == "a" else "a") for gold in GOLD]
    make_run(tmp_path / "day" / "1", {"encoder": "bag", "seed": "2"}, GOLD[:30] + wrong[30:], age=3)
    make_run(tmp_path / "day" / "2", {"encoder": "lstm", "hydra.run.dir": "x"}, GOLD[:34] + wrong[34:], age=2)
    sweep = tmp_path / "sweep"
    make_run(sweep / "0", {"encoder": "cnn"}, GOLD, age=1)
    make_run(sweep / "1", {"encoder": "cnn", "seed": "3"}, None)
    (sweep / "1" / "error.txt").write_text("Error: no")
    (sweep / "multirun.yaml").write_text("")
    make_run(tmp_path / "day" / "1" / "folds" / "0", {}, GOLD, age=4)
    return tmp_path


def names(listed: list[dict[str, Any]]) -> list[str]:
    return ["/".join(Path(row["run"]).parts[-2:]) for row in listed]


def test_every_run_is_listed_with_what_was_typed_and_its_score(
    outputs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = runs([str(outputs)])
    assert names(listed) == ["sweep/0", "day/2", "day/1", "sweep/1"]  # by time
    assert listed[3]["state"] == "failed"
    assert listed[0] | {"run": ""} == {
        "run": "", "state": "done", "score": 1.0, "accuracy": 1.0, "seconds": 3.5, "overrides": "encoder=cnn",
    }  # fmt: skip
    assert listed[1]["overrides"] == "encoder=lstm"
    assert "4 of 4 runs" in capsys.readouterr().out
    assert len(find_runs(outputs, folds=True)) == 5


def test_they_are_sorted_and_filtered(outputs: Path) -> None:
    assert names(runs([str(outputs)], sort="score"))[:3] == ["sweep/0", "day/2", "day/1"]
    assert names(runs([str(outputs)], sort="score", descending=False, limit=1)) == ["day/1"]
    assert names(runs([str(outputs)], sort="seed", where=["state=done"]))[-1] == "day/1"
    for where, found in (
        (["encoder=lstm"], {"day/2"}),
        (["encoder!=cnn", "score>=0.75"], {"day/1", "day/2"}),
        (["accuracy>0.8"], {"sweep/0", "day/2"}),
        (["seed=2"], {"day/1"}),
        (["seed<2", "state=done"], {"sweep/0", "day/2"}),
        (["encoder._target_=bag"], {"day/1"}),
    ):
        assert set(names(runs([str(outputs)], where=where))) == found


def test_a_key_that_no_run_has_is_an_error(outputs: Path) -> None:
    for arguments, message in (
        ({"sort": "scor"}, "sort: no run has 'scor'. Did you mean 'score'"),
        ({"where": ["encodr=x"]}, "where: no run has 'encodr'. Did you mean 'encoder'"),
        ({"where": ["encoder"]}, "is no condition"),
        ({"columns": ["sed"]}, "columns: no run has 'sed'. Did you mean 'seed'"),
        ({"output": "list.txt"}, "must end in .csv"),
    ):
        with pytest.raises(UserError, match=message):
            runs([str(outputs)], **arguments)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"There is no folder .*swep. Did you mean 'sweep'"):
        runs([str(outputs / "swep")])
    (outputs / "empty").mkdir()
    with pytest.raises(UserError, match="There is no run in"):
        runs([str(outputs / "empty")])


def test_two_runs_are_compared_in_configuration_classes_and_records(
    outputs: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    one, two, table = outputs / "day" / "1", outputs / "day" / "2", outputs / "differ.csv"
    differing = runs([str(one), str(two)], output=str(table))
    assert [int(row["row"]) for row in differing] == [30, 31, 32, 33]
    assert all(row["B"] == row["label"] != row["A"] for row in differing)
    with table.open(newline="") as file:
        assert [row["text"] for row in csv.DictReader(file)] == [f"text {row}" for row in range(30, 34)]
    said = capsys.readouterr().out
    p = mcnemar([True] * 30 + [False] * 10, [True] * 34 + [False] * 6).p
    assert "both have 30 right, only A 0, only B 4, neither 6. B is 10.0 points ahead" in said
    assert f"McNemar p = {p:.3g}" in said
    for row in (("encoder._target_", "bag", "lstm"), ("seed", "2", "1"), ("test/f1/a", "0.7500", "0.8500", "0.1000")):
        assert any(all(cell in line for cell in row) for line in said.splitlines()), row
    assert "data" not in said.split("Figures")[0].split("Configuration")[1]


def test_runs_on_other_records_are_compared_in_figures_alone(outputs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = make_run(outputs / "other", {}, GOLD, texts="another")
    assert runs([str(outputs / "day" / "1"), str(other)]) == []
    assert "Not measured on the same records" in capsys.readouterr().out
    with pytest.raises(UserError, match="no metrics"):
        runs([str(other), str(outputs / "sweep" / "1")], compare=True)
    with pytest.raises(UserError, match="Two runs are compared, but 1"):
        runs([str(other)], compare=True)


def test_real_runs_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("data=synthetic", "data.records=100", "trainer=debug", "trainer.progress_bar=false", "baselines=false")
    folders = [train(compose(*small, "logger=none", "embedder.buckets=100", f"seed={seed}")).run_dir for seed in (1, 2)]
    assert len(runs(["outputs"], sort="score", columns=["score", "seed", "monitor"])) == 2
    capsys.readouterr()
    assert isinstance(runs([str(folder) for folder in folders]), list)
    configured = capsys.readouterr().out.split("Figures")[0].split("Configuration")[1]
    assert [line.split()[1:6:2] for line in configured.splitlines() if "│" in line] == [["seed", "1", "2"]]
    runs([str(folders[0])] * 2)
    assert "Configuration: no difference" in capsys.readouterr().out
    assert plain(compose())["cv"] is None
