"""A search over settings: Optuna asks and is told, Hydra's launcher runs the jobs.

A trial's number is its job's folder, so that none is ever overwritten. All there is to know lies in hydra.sweep.dir:
the same command goes on where a search was killed, and several at once share its trials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from seqclf.classifiers.direction import lower_is_better
from seqclf.errors import UserError
from seqclf.run.job_ends import JobFailed
from seqclf.run.launching import ended_in, exit_code, launch
from seqclf.run.search_settings import FOLDER, SearchSettings
from seqclf.run.search_space import grid_points, parse_space, suggest
from seqclf.run.study import make_sampler, open_study
from seqclf.run.sweep_owner import SweepOwner, is_at_work
from seqclf.run.sweep_report import report_sweep
from seqclf.run.swept_groups import of_one_value

if TYPE_CHECKING:
    import optuna

ATTEMPTS = 3  # of a trial whose search was killed; perhaps it is the trial that brings it down
SPACES = "sweep/space"


class Search:
    """A search, from where its folder has it to its last trial.

    Args:
        config: the whole configuration, with Hydra's own node.
        hydra_context: Hydra's.
        launcher: Hydra's.
        settings: of the search.
    """

    def __init__(
        self, config: DictConfig, hydra_context: HydraContext, launcher: Launcher, settings: SearchSettings
    ) -> None:
        self.config, self.loader, self.launcher = config, hydra_context.config_loader, launcher
        self.settings = settings
        self.sweep = Path(config.hydra.sweep.dir)
        self._spaces: dict[tuple[str, ...], list[Override]] = {}

    def run(self, arguments: Sequence[str]) -> list[JobReturn]:
        """Run trials until there are as many as were asked for, then report them all.

        Args:
            arguments: what was typed; a key with one value is not searched, one with several is searched among these.

        Raises:
            UserError: for a setting or a search space that is wrong.
            JobFailed: after all, where a trial of this start failed.
        """
        self.settings.check()
        if self.settings.n_jobs > 1 and self.config.hydra.runtime.choices["hydra/launcher"] == "basic":
            raise UserError(
                f"hydra.sweeper.n_jobs={self.settings.n_jobs} needs a launcher that runs jobs beside each other: "
                "hydra/launcher=joblib, submitit_slurm or ray."
            )
        overrides = OverridesParser.create(config_loader=self.loader).parse_overrides(list(arguments))
        self.typed = [override for override in overrides if of_one_value(override) is None]
        self.fixed = [one for one in map(of_one_value, overrides) if one is not None]
        self.known = {override.get_key_element() for override in overrides}
        first = self._first_job()
        monitor = str(OmegaConf.select(first, "monitor"))
        study = open_study(
            self.settings,
            self.sweep,
            monitor,
            "minimize" if lower_is_better(monitor) else "maximize",
            int(OmegaConf.select(first, "trainer.max_epochs")),
        )
        OmegaConf.save(self.config, self.sweep / "multirun.yaml")
        returns: list[JobReturn] = []
        with SweepOwner(self.sweep / FOLDER) as owner:
            while begun := self._begin(study, owner.name):
                jobs = [[*job, f"hydra.sweeper.trial={trial.number}"] for trial, job in begun]
                done = launch(self.launcher, jobs, [trial.number for trial, _ in begun], self.sweep)
                for (trial, _), ended in zip(begun, done, strict=True):
                    self._tell(study, trial.number, ended)
                returns += done
        report_sweep(self.sweep)
        if exit_code(returns):
            raise JobFailed(exit_code(returns))
        return returns

    def _begin(self, study: optuna.Study, owner: str) -> list[tuple[optuna.trial.Trial, list[str]]]:
        """As many trials as run at a time, or what is left; nobody else begins any meanwhile."""
        begun: list[tuple[optuna.trial.Trial, list[str]]] = []
        with FileLock(self.sweep / FOLDER / "begin.lock"):
            self._take_up(study)
            while len(begun) < self.settings.n_jobs and self._counted(study) < self.settings.n_trials:
                if self.settings.sampler == "grid" and not self._enqueue_next(study):
                    break
                study.sampler = make_sampler(self.settings, self._counted(study))
                trial = study.ask()
                trial.set_user_attr("sweep", owner)
                try:
                    job = self._job(trial)
                    self.loader.load_sweep_config(self.config, job)  # what cannot be composed is said at once
                except Exception as error:
                    _give_up(study, trial.number)
                    raise self._explained(error) from error
                begun.append((trial, job))
        return begun

    def _first_job(self) -> DictConfig:
        """The configuration with the first of what is searched among the typed; Hydra's own for the sweep has none."""
        chosen = [
            f"{each.get_key_element()}={next(each.sweep_string_iterator())}"
            for each in self.typed
            if each.is_discrete_sweep()
        ]
        return self.loader.load_sweep_config(self.config, [*self.fixed, *chosen])

    def _explained(self, error: Exception) -> Exception:
        if isinstance(error, ValueError) and "dynamic value space" in str(error):
            return UserError(f"The search in {self.sweep} had other values for a key. Give another hydra.sweep.dir.")
        return error

    def _counted(self, study: optuna.Study) -> int:
        """Trials that need not be run, because they were or are: all but those that wait or were interrupted."""
        trials = study.get_trials(deepcopy=False)
        return sum(trial.state.name != "WAITING" and "interrupted" not in trial.user_attrs for trial in trials)

    def _take_up(self, study: optuna.Study) -> None:
        """Trials of searches that are no more: told if they were done all the same, else queued to run again."""
        from optuna.trial import TrialState

        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if is_at_work(self.sweep / FOLDER, trial.user_attrs.get("sweep", "")):
                continue
            ended = ended_in(self.sweep / str(trial.number))
            attempt = int(trial.user_attrs.get("attempt", 1))
            if ended is not None:
                self._tell(study, trial.number, ended)
            elif attempt >= ATTEMPTS:
                study.tell(trial.number, state=TrialState.FAIL)
                print(f"#{trial.number} was interrupted {attempt} times and is not tried again.")
            else:
                _give_up(study, trial.number)
                params = trial.system_attrs.get("fixed_params", trial.params)
                study.enqueue_trial(params, user_attrs={"attempt": attempt + 1, "again": trial.number})
                print(f"#{trial.number} was interrupted; it is run again under a number of its own.")

    def _enqueue_next(self, study: optuna.Study) -> bool:
        """Queue the next point of the grid; False where none is left."""
        trials = study.get_trials(deepcopy=False)
        if any(trial.state.name == "WAITING" for trial in trials):
            return True
        taken = [trial.params for trial in trials]
        for chosen in grid_points(self.typed):
            fixed = [*self.fixed, *(f"{key}={value}" for key, value in chosen.items())]
            for rest in grid_points(self._space(fixed)):
                if {**chosen, **rest} not in taken:
                    study.enqueue_trial({**chosen, **rest})
                    return True
        return False

    def _job(self, trial: optuna.trial.Trial) -> list[str]:
        """The overrides of a trial: what was typed, what is searched among the typed, and then the space of these."""
        fixed = [*self.fixed, *(f"{override.get_key_element()}={suggest(trial, override)}" for override in self.typed)]
        searched = [f"{override.get_key_element()}={suggest(trial, override)}" for override in self._space(fixed)]
        return [*fixed, *searched]

    def _space(self, fixed: Sequence[str]) -> list[Override]:
        """What conf/sweep/space has for the encoder and embedder, and hydra.sweeper.space; nothing that was typed."""
        if tuple(fixed) not in self._spaces:
            config = self.loader.load_sweep_config(self.config, list(fixed))
            chosen = config.hydra.runtime.choices
            spaces = set(self.loader.get_group_options(SPACES))
            names = [chosen[group] for group in ("encoder", "embedder") if chosen[group] in spaces]
            found: dict[str, Any] = {}
            for name in names:
                with_space = [*fixed, f"+{SPACES}@hydra.sweeper.found={name}"]
                node = self.loader.load_sweep_config(self.config, with_space).hydra.sweeper.found
                found |= {str(key): values for key, values in node.items()}
            found = {key: values for key, values in found.items() if _has(config, key)} | self.settings.space
            found = {key: values for key, values in found.items() if key not in self.known}
            if not found and not self.typed:
                raise UserError(
                    f"There is nothing to search: conf/{SPACES} has no {chosen['encoder']}.yaml, and no key was given "
                    "several values, optimizer.lr=interval(0.001,0.01)."
                )
            self._spaces[tuple(fixed)] = parse_space(found)
        return self._spaces[tuple(fixed)]

    def _tell(self, study: optuna.Study, number: int, ended: JobReturn) -> None:
        from optuna.trial import TrialState

        score = ended._return_value
        if ended.status == JobStatus.COMPLETED and score is None:
            study.tell(number, state=TrialState.PRUNED)
        elif ended.status == JobStatus.COMPLETED and math.isfinite(score):
            study.tell(number, float(score))
        else:
            study.tell(number, state=TrialState.FAIL)


def _has(config: DictConfig, key: str) -> bool:
    """A space for an encoder may name a key that only some embedders have, `embedder.embedding_dim`."""
    part, _, name = key.rpartition(".")
    return part != "embedder" or name in OmegaConf.select(config, part)


def _give_up(study: optuna.Study, number: int) -> None:
    """End a trial that is not counted."""
    from optuna.trial import Trial, TrialState

    (trial,) = (one for one in study.get_trials(deepcopy=False) if one.number == number)
    Trial(study, trial._trial_id).set_user_attr("interrupted", True)
    study.tell(number, state=TrialState.FAIL)
