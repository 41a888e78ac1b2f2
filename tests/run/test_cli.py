import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

# `train` is a stand-in: what it does depends on the seed; the rest of the command line is as it is.
STAND_IN = """
import sys, time, types
from seqclf.errors import UserError
from seqclf.run.cli import {main}

def train(config):
    assert "torch" not in sys.modules
    if config.seed == 2: raise UserError("a bad seed")
    if config.seed == 3: raise RuntimeError("a bug")
    if config.seed == 4: print("READY", flush=True); time.sleep(60)
    if config.seed == 5: open("touched", "w").close(); raise UserError("too late")
    print("trained with", config.seed)
    return types.SimpleNamespace(score=1.0)

sys.modules["seqclf.run.train"] = types.SimpleNamespace(train=train)
sys.argv = ["train.py", *{arguments!r}]
{main}()
"""


def start(folder: Path, *arguments: str, main: str = "train_main", debug: bool = False) -> "subprocess.Popen[str]":
    code = STAND_IN.format(main=main, arguments=arguments)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "SEQCLF_DEBUG": str(int(debug))}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True
    )


def run(folder: Path, *arguments: str, main: str = "train_main", debug: bool = False) -> tuple[int, str, str]:
    process = start(folder, *arguments, main=main, debug=debug)
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def test_a_run_has_a_folder_of_its_own_with_its_configuration(tmp_path: Path) -> None:
    assert run(tmp_path, "seed=7") == (0, "trained with 7\n", "")
    (folder,) = tmp_path.glob("outputs/*/*")
    assert "seed: 7" in (folder / ".hydra" / "config.yaml").read_text()
    assert [path.name for path in folder.iterdir()] == [".hydra"]


def test_runs_of_the_same_second_have_folders_of_their_own(tmp_path: Path) -> None:
    processes = [start(tmp_path, f"seed={seed}") for seed in (6, 7, 8)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    for process in processes:
        process.communicate()
    assert len(list(tmp_path.glob("outputs/*/*/.hydra"))) == 3


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("encodr=lstm", "There is no 'encodr'. Did you mean 'encoder'?"),
        ("seed=2", "a bad seed"),
        ("seed=x", "seed must be"),
    ],
)
def test_a_mistake_is_one_message_and_leaves_nothing_behind(argument: str, message: str, tmp_path: Path) -> None:
    code, out, err = run(tmp_path, argument)
    assert (code, out) == (2, "")
    assert err.startswith(f"Error: {message}")
    assert err.count("\n") == 1
    assert list(tmp_path.glob("outputs/*/*")) == []


def test_a_mistake_keeps_what_was_written(tmp_path: Path) -> None:
    assert run(tmp_path, "seed=5", "hydra.run.dir=.")[0] == 2
    assert {path.name for path in tmp_path.iterdir()} == {".hydra", "touched"}


def test_the_traceback_of_a_mistake_is_shown_when_asked_for(tmp_path: Path) -> None:
    code, _, err = run(tmp_path, "seed=2", debug=True)
    assert code == 2
    assert "Traceback" in err


def test_anything_else_is_exit_code_1_with_its_traceback(tmp_path: Path) -> None:
    code, _, err = run(tmp_path, "seed=3")
    assert code == 1
    assert err.endswith("RuntimeError: a bug\n")


@pytest.mark.parametrize(("seeds", "expected"), [("1,2,7", 2), ("1,3,7", 1)])
def test_a_failing_job_of_a_sweep_says_so_in_its_folder_and_the_others_go_on(
    seeds: str, expected: int, tmp_path: Path
) -> None:
    code, out, err = run(tmp_path, "-m", f"seed={seeds}")
    assert code == expected
    assert "trained with 1" in out
    assert "trained with 7" in out
    (error,) = tmp_path.glob("multirun/*/*/*/error.txt")
    assert error.parent.name == "1"
    assert error.read_text() in err
    assert err.endswith("error.txt in a job's folder says why.\n")


def test_a_mistake_in_any_job_of_a_sweep_is_found_before_the_first_begins(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "-m", "encoder=bag,bagg")
    assert (code, out) == (2, "")
    wrong = "Error: encoder=bagg: encoder has no choice 'bagg'. Did you mean 'bag'?"
    assert err == f"{wrong} (job: encoder=bagg)\n"


def test_a_key_that_every_choice_of_a_sweep_has_is_set_in_all_of_them(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "-m", "encoder=lstm,gru", "encoder.hidden_size=8")
    assert (code, err) == (0, "")
    assert out.count("trained with 1") == 2
    for number, encoder in enumerate(("lstm", "gru")):
        (written,) = tmp_path.glob(f"multirun/*/*/{number}/.hydra/overrides.yaml")
        assert written.read_text() == f"- encoder={encoder}\n- encoder.hidden_size=8\n"


def test_a_key_that_a_choice_of_a_sweep_does_not_have_names_the_job(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "-m", "encoder=lstm,bag", "encoder.hidden_size=8")
    assert (code, out) == (2, "")
    wrong = "Error: There is no 'encoder.hidden_size'. Choose from: mode."
    assert err == f"{wrong} (job: encoder=bag encoder.hidden_size=8)\n"


def test_a_sweep_may_be_asked_for_between_overrides(tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "data=files", "-m", "seed=1,7")
    assert (code, err) == (0, "")
    assert "trained with 1" in out
    assert "trained with 7" in out


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_has_its_exit_code(number: signal.Signals, expected: int, tmp_path: Path) -> None:
    process = start(tmp_path, "seed=4")
    assert process.stdout is not None
    assert process.stdout.readline() == "READY\n"
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (expected, "")


@pytest.mark.parametrize("main", ["evaluate_main", "predict_main", "explain_main"])
def test_a_mistake_in_the_arguments_of_a_script_is_one_message(main: str, tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "modle=RUN/model", main=main)
    assert (code, out) == (2, "")
    assert err == "Error: There is no 'modle'. Did you mean 'model'?\n"


@pytest.mark.parametrize("main", ["train_main", "evaluate_main", "predict_main", "explain_main"])
def test_help_is_shown(main: str, tmp_path: Path) -> None:
    code, out, err = run(tmp_path, "--help", main=main)
    assert (code, err) == (0, "")
    assert "For example" in out
