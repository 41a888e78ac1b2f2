"""What a search is told; conf/hydra/sweeper/search.yaml says what each is for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from seqclf.errors import UserError

FOLDER = "search"  # in hydra.sweep.dir: the storage, and who is at work


@dataclass(frozen=True)
class SearchSettings:
    """The settings of a search.

    Attributes:
        n_trials: runs in all.
        n_jobs: runs at a time.
        sampler: how values are chosen.
        pruner: which runs are stopped.
        pruner_startup: runs that the median is taken of before one is stopped.
        pruner_warmup: epochs in which no run is stopped.
        storage: the kind of file that the search lies in.
        seed: of the sampler.
        space: values by key, as they are typed on the command line.
        trial: the number of a job's own trial; None in the search itself.
    """

    n_trials: int
    n_jobs: int
    sampler: Literal["tpe", "random", "grid"]
    pruner: Literal["median", "hyperband", "none"]
    pruner_startup: int
    pruner_warmup: int
    storage: Literal["journal", "sqlite"]
    seed: int
    space: dict[str, Any]
    trial: int | None = None

    @staticmethod
    def of(node: Mapping[str, Any]) -> SearchSettings | None:
        """Those of a job, from Hydra's `sweeper` node; None where no search is going on."""
        if node.get("trial") is None:
            return None
        return SearchSettings(**{field.name: node[field.name] for field in fields(SearchSettings)})

    def check(self) -> None:
        """Is every value of its type, and within bounds?

        Raises:
            UserError: for one that is not.
        """
        from seqclf.run.schema import check_value
        from seqclf.run.signature import Parameter

        for field in fields(self):
            check_value(getattr(self, field.name), Parameter(str(field.type)), f"hydra.sweeper.{field.name}")
        for name in ("n_trials", "n_jobs"):
            if getattr(self, name) < 1:
                raise UserError(f"hydra.sweeper.{name} must be at least 1, not {getattr(self, name)}.")
