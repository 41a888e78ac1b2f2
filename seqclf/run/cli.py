"""The commands: what they do with arguments, mistakes, signals and exit codes.

0 done; 2 the user's input or configuration is at fault, said in one message; 1 anything else (one message too where the
run stopped itself: numbers that are not finite, out of memory); 130, 143, 138 and 140 after SIGINT, SIGTERM, SIGUSR1
and SIGUSR2, with a checkpoint where training had begun. SEQCLF_DEBUG=1 shows the traceback of every mistake.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from seqclf.errors import RunError, UserError
from seqclf.run.conf_path import conf_path
from seqclf.run.job_ends import JobFailed, JobPruned, remove_unused
from seqclf.run.kernel_cache import small_kernel_cache
from seqclf.run.lean_imports import lean_imports
from seqclf.run.signals import exit_on_signals

if TYPE_CHECKING:
    from omegaconf import DictConfig


def train_main() -> None:
    """`python train.py`, `seqclf-train`: train what the arguments compose, or each of a sweep's jobs."""
    arguments = sys.argv[1:]
    if {"--help", "-h"} & set(arguments):
        from seqclf.run.help import training_help

        with _exit_codes():
            print(training_help(arguments))
        return
    exit_on_signals()
    small_kernel_cache()
    lean_imports()
    with _exit_codes():
        _run_hydra(arguments)


def evaluate_main() -> None:
    """`python scripts/evaluate.py`, `seqclf-evaluate`: figures of a saved model on new data."""
    _run_script("seqclf.run.evaluate.evaluate")


def predict_main() -> None:
    """`python scripts/predict.py`, `seqclf-predict`: predictions of a saved model for a file."""
    _run_script("seqclf.run.predict.predict")


def repeat_main() -> None:
    """`python scripts/repeat.py RUN`, `seqclf-repeat`: a run again, and whether it comes to the same."""
    _run_script("seqclf.run.repeat.repeat", first="run")


def ensemble_main() -> None:
    """`python scripts/ensemble.py`, `seqclf-ensemble`: several models as one."""
    _run_script("seqclf.run.ensemble.ensemble", folders="runs")


def runs_main() -> None:
    """`python scripts/runs.py`, `seqclf-runs`: find runs again, and compare two."""
    _run_script("seqclf.run.runs.runs", folders="folders")


def sweep_report_main() -> None:
    """`python scripts/sweep_report.py`, `seqclf-sweep-report`: what the jobs of a sweep came to, so far."""
    _run_script("seqclf.run.sweep_report.sweep_report", folders="sweeps")


def explain_main() -> None:
    """`python scripts/explain.py`, `seqclf-explain`: what each word adds to the predictions of a saved model."""
    _run_script("seqclf.run.explain.explain")


def explore_main() -> None:
    """`python scripts/explore.py`, `seqclf-explore`: a page to look for a model's errors in."""
    _run_script("seqclf.run.explore.explore")


def serve_main() -> None:
    """`python scripts/serve.py`, `seqclf-serve`: a saved model behind HTTP."""
    _run_script("seqclf.run.serve.serve")


def export_main() -> None:
    """`python scripts/export.py`, `seqclf-export`: a saved model as a file that others run."""
    _run_script("seqclf.run.export.export")


def push_main() -> None:
    """`python scripts/push.py`, `seqclf-push`: a saved model onto the Hugging Face hub."""
    _run_script("seqclf.run.push.push")


def learning_curve_main() -> None:
    """`python scripts/learning_curve.py`, `seqclf-learning-curve`: the score against the number of training records."""
    _run_script("seqclf.run.learning_curve.learning_curve", rest="overrides")


def _run_hydra(arguments: Sequence[str]) -> None:
    import hydra

    from seqclf.run.compose import compose, with_choices
    from seqclf.run.composition_error import COMPOSITION_ERRORS, explain_composition_error
    from seqclf.run.known_mode import known_mode
    from seqclf.run.swept_groups import left_to_jobs

    sweeps = [argument for argument in arguments if argument in ("-m", "--multirun")]  # Hydra wants them at either end
    typed = [argument for argument in arguments if argument not in sweeps]
    if not sweeps and any(argument.startswith("sweep=") and argument != "sweep=null" for argument in typed):
        raise UserError("sweep= is for many runs: add -m.")
    chosen = with_choices(typed)
    if sweeps and (_rank(typed) or "LOCAL_RANK" in os.environ):
        raise UserError("-m: each job of a sweep starts its own processes, trainer=ddp; leave torchrun or srun out.")
    if any(argument.startswith("resume=") for argument in typed):
        if sweeps:
            raise UserError("resume=... goes on with one run. The same command as before goes on with a sweep.")
        compose(*chosen)  # a mistake is found before anything in the run's folder is changed
    arguments = [*left_to_jobs(chosen), *sweeps] if sweeps else chosen
    if _rank(typed):
        arguments += ["hydra.run.dir=.", "hydra.output_subdir=null"]  # rank 0 makes the run's folder
    sys.argv[1:] = arguments
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra lets its errors out, and they are explained here
    main = hydra.main(config_path=str(conf_path()), config_name="config", version_base="1.3")
    try:
        with known_mode(arguments):
            main(_job)()
    except COMPOSITION_ERRORS as error:
        raise explain_composition_error(error, arguments) from error
    except OSError as error:  # Hydra could not make the folder
        raise UserError(f"{error.filename} cannot be written: {error.strerror}.") from error


def _rank(typed: Sequence[str]) -> int:
    """Which process of a run this is, where torchrun, SLURM or the user's hand on every machine have started it."""
    names = ["RANK", "NODE_RANK"]
    if {"trainer=slurm", "trainer.launcher=slurm"} & set(typed):
        names.append("SLURM_PROCID")
    return max(int(os.environ.get(name, 0)) for name in names)


def _job(config: DictConfig) -> float | None:
    """One run, and its score; None of one that was stopped. What goes wrong is said here, not at a sweep's end."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    from seqclf.run.beside import announce_job
    from seqclf.run.compose import plain, started
    from seqclf.run.environment_values import environment_values, hide
    from seqclf.run.schema import check_config

    small_kernel_cache()
    lean_imports()  # a sweep's job may have a process of its own
    announce_job()
    try:
        check_config(plain(config))  # a wrong key or value is said before torch is imported
        config = started(config, HydraConfig.get().overrides.task)
        if HydraConfig.get().output_subdir is not None:
            _keep(config, Path(HydraConfig.get().runtime.output_dir))
        from seqclf.run.train import train

        return train(config).score
    except Exception as error:
        hydra = HydraConfig.get()
        folder = Path(hydra.runtime.output_dir)
        if isinstance(error, JobPruned):
            (folder / "pruned.txt").write_text(f"{error}\n", encoding="utf-8")
            print(f"#{hydra.job.num} was stopped {error}: others were better by then.")
            return None
        if hydra.mode == RunMode.RUN:
            if isinstance(error, UserError) and hydra.output_subdir is not None:
                remove_unused(folder)
            sys.exit(_report(error))
        text = _message(error)
        with suppress(Exception):  # it may be the configuration that is wrong
            text = hide(text, environment_values(config))
        (folder / "error.txt").write_text(text + "\n", encoding="utf-8")
        print(f"#{hydra.job.num} failed: {text}", file=sys.stderr)
        raise JobFailed(_exit_code(error)) from error


def _keep(config: DictConfig, folder: Path) -> None:
    """Hydra wrote down what it composed; a run that starts from a model, or goes on, has another."""
    from omegaconf import OmegaConf

    if config.init_from is not None or config.resume is not None:
        OmegaConf.save(config, folder / ".hydra" / "config.yaml")


def _run_script(target: str, first: str | None = None, folders: str | None = None, rest: str | None = None) -> None:
    """Run a script's function.

    Args:
        target: dotted name of the function.
        first: the parameter that stands alone, without its name.
        folders: the parameter for the folders that do so.
        rest: the parameter for all that is typed for training.
    """
    arguments = sys.argv[1:]
    if first is not None and arguments and ("=" not in arguments[0] or Path(arguments[0]).is_dir()):
        arguments[0] = arguments[0] if arguments[0].startswith("-") else f"{first}={arguments[0]}"
    if {"--help", "-h"} & set(arguments):
        from seqclf.run.help import script_help

        print(script_help(target))
        return
    exit_on_signals()
    small_kernel_cache()
    lean_imports()
    with _exit_codes():
        from seqclf.run.arguments import script_arguments, with_folders, with_rest

        arguments = arguments if folders is None else with_folders(arguments, folders)
        arguments = arguments if rest is None else with_rest(arguments, target, rest)
        module, _, name = target.rpartition(".")
        getattr(import_module(module), name)(**script_arguments(arguments, target))


@contextmanager
def _exit_codes() -> Iterator[None]:
    try:
        yield
    except JobFailed as failure:
        print("Not every job was done; error.txt in a job's folder says why.", file=sys.stderr)
        sys.exit(failure.exit_code)
    except Exception as error:
        sys.exit(_report(error))


def _report(error: Exception) -> int:
    print(_message(error), file=sys.stderr)
    return _exit_code(error)


def _exit_code(error: Exception) -> int:
    return 2 if isinstance(error, UserError) else 1


def _message(error: Exception) -> str:
    if isinstance(error, UserError | RunError) and os.environ.get("SEQCLF_DEBUG") != "1":
        return f"Error: {error}"
    return "".join(traceback.format_exception(error)).rstrip()
