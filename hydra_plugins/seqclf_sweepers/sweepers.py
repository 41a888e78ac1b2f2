"""The sweepers that `hydra/sweeper` names. Hydra imports this file at every start: the work is done in seqclf.run."""

from __future__ import annotations

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from seqclf.run.search_settings import SearchSettings


class GridSweeper(Sweeper):
    """Every combination of the values that were typed, and a report of them at the end."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra made."""
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> Any:
        """Run the jobs."""
        from seqclf.run.grid import run_grid

        return run_grid(arguments, self.config, self.hydra_context, self.launcher)


class SearchSweeper(Sweeper):
    """A search with Optuna, pruned, and continued by the same command.

    Args:
        n_trials: runs in all; conf/hydra/sweeper/search.yaml says what this and the others are for.
        n_jobs: runs at a time.
        sampler: how values are chosen.
        pruner: which runs are stopped.
        pruner_startup: runs that the median is taken of before one is stopped.
        pruner_warmup: epochs in which no run is stopped.
        storage: the kind of file that the search lies in.
        seed: of the sampler.
        space: values by key.
        trial: of a job, its number.
    """

    def __init__(
        self,
        n_trials: int,
        n_jobs: int,
        sampler: Any,
        pruner: Any,
        pruner_startup: int,
        pruner_warmup: int,
        storage: Any,
        seed: int,
        space: dict[str, Any],
        trial: int | None = None,
    ) -> None:
        self.settings = SearchSettings(
            n_trials, n_jobs, sampler, pruner, pruner_startup, pruner_warmup, storage, seed, dict(space), trial
        )

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what Hydra made."""
        self.config, self.hydra_context = config, hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(hydra_context, task_function, config)

    def sweep(self, arguments: list[str]) -> Any:
        """Run the trials."""
        from seqclf.run.search import Search

        return Search(self.config, self.hydra_context, self.launcher, self.settings).run(arguments)
