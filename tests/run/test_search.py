import json
import os
import signal
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
import yaml
from omegaconf import OmegaConf

from seqclf.errors import UserError
from seqclf.run.compose import compose
from seqclf.run.job_ends import JobPruned
from seqclf.run.pruning import Pruning
from seqclf.run.search_settings import FOLDER, SearchSettings
from seqclf.run.search_space import grid_points, parse_space, suggest
from seqclf.run.study import open_study, read_study
from seqclf.run.sweep_owner import SweepOwner, is_at_work

ROOT = Path(__file__).parents[2]
SPACES = ROOT / "conf" / "sweep" / "space"
# `train` is a stand-in with a score of its own; the rest of the command is as it is. KILL and FAIL are job numbers.
STAND_IN = """
import json, os, sys, time, types
from pathlib import Path
from hydra.core.hydra_config import HydraConfig
import seqclf.run.sweep_report
from seqclf.run.cli import train_main

def train(config):
    assert "torch" not in sys.modules
    number = HydraConfig.get().job.num
    if number == int(os.environ.get("KILL", -1)): os.kill(os.getpid(), 9)
    if number == int(os.environ.get("FAIL", -1)): raise MemoryError("too large")
    time.sleep(float(os.environ.get("SLEEP", 0)))
    score = config.optimizer.lr + config.dropout + len(config.encoder.pooling)
    metrics = dict(score=score, monitor="validation/accuracy")
    Path(HydraConfig.get().runtime.output_dir, "metrics.json").write_text(json.dumps(metrics))
    return types.SimpleNamespace(score=score)

sys.modules["seqclf.run.train"] = types.SimpleNamespace(train=train)
seqclf.run.sweep_report._plots = lambda *_: []
encoder = [] if any(typed.startswith("encoder=") for typed in sys.argv) else ["encoder=lstm"]
sys.argv = ["train.py", "-m", "sweep=optuna", *encoder, *sys.argv[1:]]
train_main()
"""
SETTINGS = SearchSettings(9, 1, "tpe", "median", 2, 0, "journal", 1, {}, None)


def start(folder: Path, *arguments: str, **environment: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", STAND_IN, f"hydra.sweep.dir={folder}", *arguments]
    pipe, changed = subprocess.PIPE, {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.Popen(command, env=changed, cwd=folder.parent, stdout=pipe, stderr=pipe, text=True)


def search(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    process = start(folder, *arguments, **environment)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    study = read_study(folder)
    assert study is not None
    return study.get_trials()


def done(folder: Path) -> list[tuple[dict[str, Any], float | None]]:
    return [(trial.params, trial.value) for trial in trials(folder) if trial.state.name == "COMPLETE"]


def hashes(folder: Path) -> dict[str, str]:
    return {str(file): sha256(file.read_bytes()).hexdigest() for file in folder.glob("*/metrics.json")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A search of six that nothing interrupted, in a database."""
    folder = tmp_path_factory.mktemp("whole") / "sweep"
    code, _, err = search(folder, "hydra.sweeper.n_trials=6", "hydra.sweeper.storage=sqlite")
    assert (code, err) == (0, "")
    return folder


def resumed(folder: Path, storage: str) -> Path:
    """The same search, killed in its third trial and continued by the same command."""
    arguments = ["hydra.sweeper.n_trials=6", f"hydra.sweeper.storage={storage}"]
    assert search(folder, *arguments, KILL="2")[0] == -signal.SIGKILL
    before = hashes(folder)
    assert len(before) == 2
    code, out, err = search(folder, *arguments)
    assert (code, err) == (0, "")
    assert "#2 was interrupted; it is run again" in out
    assert before.items() <= hashes(folder).items(), "nothing that was done is overwritten"
    return folder


def test_a_search_that_was_killed_equals_one_that_was_not(whole: Path, tmp_path: Path) -> None:
    folder = resumed(tmp_path / "sweep", "journal")
    assert len(done(whole)) == 6
    assert done(folder) == done(whole), "no trial is lost, none repeated, and the sampler goes on as it would have"
    assert [trial.number for trial in trials(folder) if "interrupted" in trial.user_attrs] == [2]


@pytest.mark.slow
def test_a_search_in_a_database_that_was_killed_equals_one_that_was_not(whole: Path, tmp_path: Path) -> None:
    assert done(resumed(tmp_path / "sweep", "sqlite")) == done(whole)


def test_a_search_that_is_done_stays_as_it_is(whole: Path) -> None:
    before = hashes(whole)
    code, out, _ = search(whole, "hydra.sweeper.n_trials=6", "hydra.sweeper.storage=sqlite")
    assert code == 0
    assert hashes(whole) == before
    assert "6 jobs: 6 done" in out


def test_every_trial_has_a_folder_and_its_values_stand_in_the_report(whole: Path) -> None:
    assert sorted(path.name for path in whole.glob("[0-9]*")) == list("012345")
    page = (whole / "sweep.html").read_text()
    best = max(done(whole), key=lambda trial: trial[1] or 0)
    assert f"{best[0]['dropout']:.4g}" in page
    assert (whole / "sweep.csv").read_text().count("\n") == 7


def test_a_failing_trial_is_recorded_and_does_not_stop_the_others(tmp_path: Path) -> None:
    code, out, err = search(tmp_path / "sweep", "hydra.sweeper.n_trials=3", FAIL="1")
    assert code == 1
    assert [trial.state.name for trial in trials(tmp_path / "sweep")] == ["COMPLETE", "FAIL", "COMPLETE"]
    assert "MemoryError: too large" in (tmp_path / "sweep" / "1" / "error.txt").read_text()
    assert "too large" in err
    assert "3 jobs: 2 done, 1 failed" in out


@pytest.mark.slow
def test_what_is_typed_leaves_the_space_and_a_grid_tries_each_combination_once(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    typed = ["optimizer.lr=0.01", "dropout=0.1,0.2", "encoder.hidden_size=8", "encoder.pooling=mean,last"]
    assert search(folder, *typed, "hydra.sweeper.sampler=grid", KILL="1")[0] == -signal.SIGKILL
    assert search(folder, *typed, "hydra.sweeper.sampler=grid")[0] == 0
    tried = [tuple(params.values()) for params, _ in done(folder)]
    assert set(tried) == {(0.1, "mean"), (0.1, "last"), (0.2, "mean"), (0.2, "last")}
    assert len(tried) == 4


@pytest.mark.slow
def test_a_key_that_every_encoder_of_a_search_has_is_fixed_in_all_of_them(tmp_path: Path) -> None:
    folder, typed = tmp_path / "sweep", ["encoder=lstm,gru", "encoder.hidden_size=8", "encoder.pooling=choice(mean)"]
    assert search(folder, *typed, "hydra.sweeper.n_trials=6", "hydra.sweeper.sampler=random")[0] == 0
    assert {params["encoder"] for params, _ in done(folder)} == {"lstm", "gru"}
    assert all(set(params) == {"encoder", "optimizer.lr", "dropout"} for params, _ in done(folder))
    assert "- encoder.hidden_size=8\n" in (folder / "0" / ".hydra" / "overrides.yaml").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["journal", "sqlite"])
def test_two_searches_at_once_share_the_trials(storage: str, tmp_path: Path) -> None:
    folder, typed = tmp_path / "sweep", ["hydra.sweeper.n_trials=8", f"hydra.sweeper.storage={storage}"]
    processes = [start(folder, *typed, SLEEP="1") for _ in range(2)]
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    owners = [trial.user_attrs["sweep"] for trial in trials(folder)]
    assert len(done(folder)) == len(trials(folder)) == 8
    assert len(set(owners)) == 2


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("hydra.sweeper.sampler=tpee", "hydra.sweeper.sampler must be tpe, random or grid, not 'tpee'. Did you mean"),
        ("hydra.sweeper.n_trials=0", "hydra.sweeper.n_trials must be at least 1, not 0."),
        ("hydra.sweeper.n_jobs=2", "hydra.sweeper.n_jobs=2 needs a launcher"),
        ("hydra.sweeper.n_trial=3", "There is no 'hydra.sweeper.n_trial'. Did you mean 'n_trials'?"),
        ("hydra.sweeper.sampler=grid", "hydra.sweeper.sampler=grid: optimizer.lr has endlessly many values"),
        ("encoder=last", "There is nothing to search: conf/sweep/space has no last.yaml"),
        ("+hydra.sweeper.space.dropout=0.3", "The search space of dropout: 0.3 is one value"),
        ("+hydra.sweeper.space.dropout='interval(0'", "The search space of dropout: 'interval(0' cannot be read."),
    ],
)
@pytest.mark.slow
def test_a_mistake_is_said(argument: str, message: str, tmp_path: Path) -> None:
    code, _, err = search(tmp_path / "sweep", argument)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith(f"Error: {message}")


def test_a_space_is_in_hydras_words() -> None:
    space = parse_space(
        {
            "lr": "tag(log, interval(0.001, 0.1))",
            "layers": "int(interval(1, 3))",
            "size": "choice(64, 128)",
            "step": "range(2, 9, 3)",
            "sizes": "choice([3], [3, 4])",
        }
    )
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=3))
    trial = study.ask()
    typed = {override.get_key_element(): suggest(trial, override) for override in space}
    found = study.get_trials()[0].distributions
    assert found["lr"] == optuna.distributions.FloatDistribution(0.001, 0.1, log=True)
    assert found["layers"] == optuna.distributions.IntDistribution(1, 3)
    assert found["size"] == optuna.distributions.CategoricalDistribution([64, 128])
    assert found["step"] == optuna.distributions.IntDistribution(2, 8, step=3)
    assert found["sizes"] == optuna.distributions.CategoricalDistribution(["[3]", "[3,4]"])
    assert float(typed["lr"]) == pytest.approx(trial.params["lr"], rel=1e-3)
    assert typed["sizes"] in ("[3]", "[3,4]")


@pytest.mark.parametrize("space", sorted(path.stem for path in SPACES.glob("*.yaml")))
def test_a_space_names_keys_that_there_are(space: str) -> None:
    group = "encoder" if (ROOT / "conf" / "encoder" / f"{space}.yaml").is_file() else "embedder"
    config = compose(f"{group}={space}")
    for override in parse_space(yaml.safe_load((SPACES / f"{space}.yaml").read_text())):
        assert OmegaConf.select(config, override.get_key_element()) is not None, override.input_line


def test_every_preset_has_a_space() -> None:
    presets = {path.stem for group in ("encoder", "embedder") for path in ROOT.glob(f"conf/recipe/{group}/*.yaml")}
    assert presets <= {path.stem for path in SPACES.glob("*.yaml")}


def test_a_grid_has_every_combination() -> None:
    points = list(grid_points(parse_space({"a": "1,2", "b": "range(0, 3)"})))
    assert points == [{"a": a, "b": b} for a in (1, 2) for b in (0, 1, 2)]


def test_a_run_that_is_behind_the_others_is_stopped(tmp_path: Path) -> None:
    study = open_study(SETTINGS, tmp_path, "validation/accuracy", "maximize", 4)
    for score in (0.8, 0.9, 0.7):
        trial = study.ask()
        trial.report(score, 1)
        study.tell(trial, score)
    behind = study.ask()
    settings = SearchSettings(**{**SETTINGS.__dict__, "trial": behind.number})
    callback = Pruning(settings, tmp_path, "validation/accuracy", "max", 4)
    trainer: Any = SimpleNamespace(current_epoch=0, world_size=1, callback_metrics={"validation/accuracy": 0.75})
    with pytest.raises(JobPruned, match=r"after epoch 1, validation/accuracy 0\.7500"):
        callback.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
    assert read_study(tmp_path).get_trials()[3].intermediate_values == {1: 0.75}  # type: ignore[union-attr]


def epochs_run(folder: Path, pruner: Any, skills: list[float]) -> list[int]:
    """After how many of nine epochs each run was stopped; each is as good as its skill from the start."""
    settings = SearchSettings(**{**SETTINGS.__dict__, "pruner": pruner})
    study, ended = open_study(settings, folder, "validation/accuracy", "maximize", 9), []
    for skill in skills:
        trial = study.ask()
        of_job = SearchSettings(**{**settings.__dict__, "trial": trial.number})
        callback = Pruning(of_job, folder, "validation/accuracy", "max", 9)
        for epoch in range(9):
            trainer: Any = SimpleNamespace(
                current_epoch=epoch, world_size=1, callback_metrics={"validation/accuracy": skill}
            )
            try:
                callback.on_train_epoch_end(trainer, None)  # type: ignore[arg-type]
            except JobPruned:
                break
        ended.append(epoch + 1)
        study.tell(trial, skill)
    return ended


def test_hyperband_stops_runs_at_its_rungs_and_never_the_best(tmp_path: Path) -> None:
    skills = [0.9, *(0.8 - 0.01 * worse for worse in range(29))]
    ended = epochs_run(tmp_path / "hyperband", "hyperband", skills)
    assert ended[0] == 9
    assert set(ended) == {1, 3, 9}, "powers of the reduction factor, 3, and brackets in which none is stopped"
    assert epochs_run(tmp_path / "none", "none", skills[:5]) == [9] * 5


def test_half_a_line_that_a_killed_process_left_is_cut_off(tmp_path: Path) -> None:
    study = open_study(SETTINGS, tmp_path, "validation/accuracy", "maximize", 4)
    study.tell(study.ask(), 0.5)
    with (tmp_path / FOLDER / "search.journal").open("a") as journal:
        journal.write('{"op_code": 4, "worker')
    again = open_study(SETTINGS, tmp_path, "validation/accuracy", "maximize", 4)
    again.tell(again.ask(), 0.6)
    assert [trial.value for trial in trials(tmp_path)] == [0.5, 0.6]


def test_a_search_for_another_figure_is_refused(tmp_path: Path) -> None:
    open_study(SETTINGS, tmp_path, "validation/accuracy", "maximize", 4)
    with pytest.raises(UserError, match=r"monitor=validation/loss: the search in .* is for validation/accuracy\."):
        open_study(SETTINGS, tmp_path, "validation/loss", "minimize", 4)


def test_a_storage_that_is_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / FOLDER).mkdir()
    (tmp_path / FOLDER / "search.journal").write_text("this is no journal\n")
    with pytest.raises(UserError, match=r"the search cannot be read .* Give another hydra\.sweep\.dir\."):
        open_study(SETTINGS, tmp_path, "validation/accuracy", "maximize", 4)


def test_a_process_that_was_killed_is_not_at_work(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from seqclf.run.sweep_owner import SweepOwner\n"
        "with SweepOwner(Path(sys.argv[1])) as owner: print(owner.name, flush=True); time.sleep(300)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert is_at_work(tmp_path, name)
    process.kill()
    process.communicate()
    assert not is_at_work(tmp_path, name)
    with SweepOwner(tmp_path) as owner:
        assert is_at_work(tmp_path, owner.name)
    assert not is_at_work(tmp_path, owner.name)


def test_metrics_of_a_trial_that_was_done_are_taken_when_its_search_was_killed_before_it_heard(tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    study = open_study(SETTINGS, folder, "validation/accuracy", "maximize", 4)
    study.ask()
    (folder / "0").mkdir()
    (folder / "0" / "metrics.json").write_text(json.dumps({"score": 0.25}))
    code, _, err = search(folder, "hydra.sweeper.n_trials=1")
    assert (code, err) == (0, "")
    assert [trial.value for trial in trials(folder)] == [0.25]
