"""A grid: every combination of the values that were typed with commas."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from seqclf.errors import UserError
from seqclf.run.composition_error import COMPOSITION_ERRORS, explain_composition_error
from seqclf.run.job_ends import JobFailed
from seqclf.run.launching import exit_code, launch, was_done
from seqclf.run.sweep_report import report_sweep


def run_grid(
    arguments: Sequence[str], config: DictConfig, hydra_context: HydraContext, launcher: Launcher
) -> list[JobReturn]:
    """Run every job, then report them all. A job that was done in this folder before is not done again.

    Args:
        arguments: what was typed.
        config: the whole configuration, with Hydra's own node.
        hydra_context: Hydra's.
        launcher: Hydra's.

    Raises:
        UserError: for a job that cannot be composed, before any begins.
        JobFailed: after all, where a job failed.
    """
    sweep = Path(config.hydra.sweep.dir)
    parser = OverridesParser.create(config_loader=hydra_context.config_loader)
    (jobs,) = BasicSweeper.split_arguments(parser.parse_overrides(list(arguments)), None)
    sweep.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, sweep / "multirun.yaml")
    for job in jobs:  # a mistake in any of them is found before the first begins
        try:
            hydra_context.config_loader.load_sweep_config(config, list(job))
        except COMPOSITION_ERRORS as error:
            raise UserError(f"{explain_composition_error(error, job)} (job: {' '.join(job)})") from error
    left = [number for number, job in enumerate(jobs) if not was_done(sweep / str(number), job)]
    if len(left) < len(jobs):
        print(f"{len(jobs) - len(left)} of {len(jobs)} jobs were done before.")
    returns = launch(launcher, [jobs[number] for number in left], left, sweep)
    report_sweep(sweep)
    if exit_code(returns):
        raise JobFailed(exit_code(returns))
    return returns
