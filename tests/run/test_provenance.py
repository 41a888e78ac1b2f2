import csv
import hashlib
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf
from safetensors.torch import load_file, save_file

from seqclf.errors import RunError, UserError
from seqclf.run import provenance
from seqclf.run.cli import repeat_main
from seqclf.run.compose import compose
from seqclf.run.environment_values import environment_values, hide
from seqclf.run.provenance import DIFF_FILE, PROVENANCE_FILE, checkout
from seqclf.run.repeat import differences, repeat
from seqclf.run.results import RunResult
from seqclf.run.train import train

ROOT = Path(__file__).parents[2]
QUICK = ("trainer.max_epochs=2", "baselines=false", "trainer.progress_bar=false", "embedder.buckets=100", "seed=5")
FILES = ("data=files", "data.train=train.csv", "data.test=test.csv", "data.text=[text]", "data.batch_size=16")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name, rows in (("train.csv", 120), ("test.csv", 31)):
        with (tmp_path / name).open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["text", "label"])
            writer.writerows(
                [f"{'good' if row % 3 else 'bad'} w{row % 7} w{row % 5}", f"l{row % 3}"] for row in range(rows)
            )
    return tmp_path


def run(*overrides: str) -> RunResult:
    return train(compose(*FILES, *QUICK, *overrides))


def test_a_run_says_how_it_can_be_repeated_and_repeating_it_gives_the_same(here: Path) -> None:
    result = run("encoder=lstm", "dropout=0.3", "trainer.threads=1")
    said = json.loads((result.run_dir / PROVENANCE_FILE).read_text())
    assert said["seed"] == 5
    assert said["config"]["encoder"]["_target_"].endswith("RecurrentSeq2VecEncoder")
    assert said["config"]["optimizer"]["lr"] == "${recipe.lr}"  # as it was composed
    assert said["versions"]["torch"]
    assert said["data"].keys() == {"train", "test"}
    assert said["data"]["train"]["name"] == "train.csv"
    again = repeat(str(result.run_dir), str(here / "again"))
    assert again == here / "again"
    assert list(differences(result.run_dir, again)) == []
    hashes = [(run / "model" / "model.safetensors").read_bytes() for run in (result.run_dir, again)]
    assert hashes[0] == hashes[1]


@pytest.fixture
def done(here: Path) -> Path:
    return run("encoder=bag", "wide=none").run_dir


def test_one_flipped_byte_of_the_data_is_named(done: Path) -> None:
    data = bytearray(Path("test.csv").read_bytes())
    before = os.stat("test.csv")
    data[-3] ^= 1
    Path("test.csv").write_bytes(bytes(data))
    os.utime("test.csv", ns=(before.st_atime_ns, before.st_mtime_ns))  # not even size and time tell
    with pytest.raises(UserError, match=r"data\.test: test\.csv is not what the run read"):
        repeat(str(done), "again")
    assert not Path("again").exists()
    Path("test.csv").unlink()
    with pytest.raises(UserError, match=r"test\.csv does not exist"):
        repeat(str(done), "again")


def test_another_file_that_the_configuration_names_is_hashed_too(here: Path) -> None:
    (here / "weights.json").write_text('{"l0": 1, "l1": 2, "l2": 1}')
    done = run("encoder=bag", "wide=none", "loss.weights=weights.json").run_dir
    (here / "weights.json").write_text('{"l0": 1, "l1": 3, "l2": 1}')
    with pytest.raises(UserError, match=r"loss\.weights: weights\.json is not what the run read"):
        repeat(str(done), "again")


def test_what_comes_out_otherwise_is_said(done: Path) -> None:
    weights = load_file(done / "model" / "model.safetensors")
    weights["projection.bias"] += 1
    save_file(weights, done / "model" / "model.safetensors")
    manifest = json.loads((done / "model" / "manifest.json").read_text())
    data = (done / "model" / "model.safetensors").read_bytes()
    manifest["model.safetensors"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    (done / "model" / "manifest.json").write_text(json.dumps(manifest))
    metrics = json.loads((done / "metrics.json").read_text())
    (done / "metrics.json").write_text(json.dumps({**metrics, "test/accuracy": 2.0, "seconds": 0.0}))
    with pytest.raises(RunError) as caught:
        repeat(str(done), "again")
    lines = str(caught.value).splitlines()
    assert lines[1] == "  model/model.safetensors is another file"
    assert lines[2].startswith("  test/accuracy is ")
    assert lines[2].endswith(", and was 2.0")
    assert len(lines) == 3


@pytest.mark.parametrize(("error", "code"), [(None, None), (UserError("a mistake"), 2), (RunError("another"), 1)])
def test_the_command_says_it_by_its_exit_code(
    error: Exception | None, code: int | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stand_in(run: str, output: str | None = None, parts: list[str] | None = None) -> None:
        assert (run, output) == ("a=b/RUN", "again")
        if error is not None:
            raise error

    monkeypatch.setattr("seqclf.run.repeat.repeat", stand_in)
    monkeypatch.setattr("seqclf.run.cli.exit_on_signals", lambda: None)
    monkeypatch.setattr("pathlib.Path.is_dir", lambda self: True)
    monkeypatch.setattr(sys, "argv", ["repeat.py", "a=b/RUN", "output=again"])
    if code is None:
        repeat_main()
        return
    with pytest.raises(SystemExit) as caught:
        repeat_main()
    assert (caught.value.code, capsys.readouterr().err) == (code, f"Error: {error}\n")


def test_a_folder_that_is_no_run_and_a_newer_format_are_refused(done: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not the folder of a run"):
        repeat(str(tmp_path))
    said = json.loads((done / PROVENANCE_FILE).read_text())
    (done / PROVENANCE_FILE).write_text(json.dumps({**said, "format": 99}))
    with pytest.raises(UserError, match="its format is 99, but this seqclf reads format 1"):
        repeat(str(done))


def test_a_changed_checkout_leaves_its_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*arguments: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    package = tmp_path / "seqclf" / "run"
    package.mkdir(parents=True)
    (package / "provenance.py").write_text("old = 1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "first")
    monkeypatch.setattr(provenance, "__file__", str(package / "provenance.py"))
    (package / "provenance.py").write_text("new = 1\n")
    (package / "other.py").write_text("")
    found: Any = checkout.__wrapped__()
    assert (found["changed"], found["untracked"]) == (["seqclf/run/provenance.py"], ["seqclf/run/other.py"])
    assert "-old = 1\n+new = 1\n" in found["diff"]
    patch = tmp_path / DIFF_FILE
    patch.write_text(found["diff"])
    git("checkout", "-q", ".")
    git("apply", str(patch))
    assert (package / "provenance.py").read_text() == "new = 1\n"


SECRET = secrets.token_hex(8)  # not even in changes.diff


def test_no_value_of_the_environment_is_in_any_file_of_a_run(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCLF_SECRET", SECRET)
    (here / SECRET).mkdir()
    Path("train.csv").rename(here / SECRET / "train.csv")
    typed = ("data.train='${oc.env:SEQCLF_SECRET}/train.csv'", "data.label='${oc.env:SEQCLF_LABEL,label}'")
    command = [sys.executable, ROOT / "train.py", *FILES, *typed, *QUICK, "encoder=bag", "hydra.run.dir=run"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    files = [file for file in (here / "run").rglob("*") if file.is_file()]
    assert {"provenance.json", "config.yaml", "last.ckpt", "metrics.json"} <= {file.name for file in files}
    assert [file for file in files if SECRET.encode() in file.read_bytes()] == []
    assert "${oc.env:SEQCLF_SECRET}/train.csv" in (here / "run" / ".hydra" / "config.yaml").read_text()
    said = json.loads((here / "run" / PROVENANCE_FILE).read_text())
    assert said["data"]["train"]["name"] == "${oc.env:SEQCLF_SECRET}/train.csv"
    assert list(differences(here / "run", repeat("run", "again"))) == []  # the variable is asked again


def test_text_of_the_environment_that_would_be_in_the_model_folder_is_refused(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEQCLF_POOLING", "mean")
    monkeypatch.setenv("SEQCLF_WIDTH", "8")
    with pytest.raises(
        UserError, match=r"encoder\.pooling is \$\{oc\.env:SEQCLF_POOLING\}, a text from the environment"
    ):
        run("encoder=lstm", "encoder.pooling=${oc.env:SEQCLF_POOLING}")
    run(
        "encoder=lstm", "encoder.hidden_size='${oc.decode:${oc.env:SEQCLF_WIDTH}}'", "trainer=debug"
    )  # a number is no secret
    assert not list(here.glob("outputs/*/*/error.txt"))


def test_values_that_come_by_way_of_another_key_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEQCLF_SECRET", SECRET)
    cfg = OmegaConf.create({"a": {"b": "x/${oc.env:SEQCLF_SECRET}"}, "c": "${a.b}/y", "d": ["${c}"], "e": 1})
    values = environment_values(cfg)
    assert values == {
        "a.b": ("x/${oc.env:SEQCLF_SECRET}", f"x/{SECRET}"),
        "c": ("${a.b}/y", f"x/{SECRET}/y"),
        "d[0]": ("${c}", f"x/{SECRET}/y"),
    }
    assert hide(f"no file x/{SECRET}", values) == "no file x/${oc.env:SEQCLF_SECRET}"
    assert OmegaConf.to_container(cfg, resolve=True)["a"]["b"] == f"x/{SECRET}"  # the resolver is as it was
