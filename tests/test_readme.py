import csv
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seqclf.run.compose import compose, plain
from seqclf.run.schema import check_config

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [line.strip() for line in README.splitlines() if line.startswith("    python ")]
QUICK = ["trainer=debug", "baselines=false", "embedder.buckets=500", "trainer.threads=1"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def words_of(command: str) -> list[str]:
    return shlex.split(re.split(r" {3,}", command)[0])[2:]


def run(arguments: list[str], folder: Path, path: Path = ROOT) -> str:
    environment = {**os.environ, "PYTHONPATH": str(path), "SEQCLF_CACHE": str(folder / "cache")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_csv(file: Path) -> None:
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["title", "description", "label"])
        for row in range(60):
            writer.writerow([f"title {row % 7}", f"good words {row}" if row % 2 else "bad words", "np"[row % 2]])


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) >= 10


@pytest.mark.parametrize("command", [command for command in COMMANDS if command.startswith("python train.py")])
def test_every_training_command_composes(command: str) -> None:
    typed = words_of(command)
    if {"--config-dir", "init_from=RUN/model", "resume=RUN"} & set(typed):
        pytest.skip("names a yaml, a run or a model of the reader's own")
    overrides = [word for word in typed if word != "-m"]
    if "-m" in typed:  # a grid: its first job
        overrides = [re.sub(r"=([^,\[{]+),.*", r"=\1", word) for word in overrides]
    check_config(plain(compose(*overrides)))


def test_your_own_data_then_evaluate_then_predict(tmp_path: Path) -> None:
    for name in ("train.csv", "test.csv", "other.csv", "records.csv"):
        write_csv(tmp_path / name)
    command = next(command for command in COMMANDS if "train.py data=files data.train=train.csv" in command)
    run([str(ROOT / "train.py"), *words_of(command), *QUICK, "hydra.run.dir=RUN"], tmp_path)
    for script in ("evaluate", "predict"):
        command = next(command for command in COMMANDS if f"scripts/{script}.py" in command)
        run([str(ROOT / "scripts" / f"{script}.py"), *words_of(command)], tmp_path)
    assert len((tmp_path / "predictions.csv").read_text().splitlines()) == 61


@pytest.mark.slow
def test_the_encoder_of_the_readme_trains_by_its_name_and_keeps_the_laws(tmp_path: Path) -> None:
    for folder in ("seqclf", "conf", "tests/nn"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("train.py", "pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    (code,) = [block for block in blocks("python") if "class LastTwo" in block]
    (yaml,) = blocks("yaml")
    (tmp_path / "seqclf/nn/last_two.py").write_text(code)
    (tmp_path / "conf/encoder/last_two.yaml").write_text(yaml)
    run(["train.py", "encoder=last_two", "data=synthetic", "data.records=100", *QUICK], tmp_path, path=tmp_path)
    laws = run(["-m", "pytest", "-q", "tests/nn/test_laws.py", "-k", "last_two"], tmp_path, path=tmp_path)
    assert re.search(r"[1-9]\d* passed", laws)


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    (code,) = [block for block in blocks("python") if "from_pretrained" in block]
    assert "text processing" in run(["-c", code + "\nprint(model.output_classes)"], tmp_path)
