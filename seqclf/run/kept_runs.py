"""The runs below a folder, as they were left there."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from seqclf.errors import UserError, nearest

CONDITION = re.compile(r"([^<>=!]+?)\s*(!=|>=|<=|=|>|<)\s*(.*)")
MARKS = ("metrics.json", ".hydra", "error.txt")
SHORT = {"accuracy": "test/accuracy", "f1_macro": "test/f1_macro"}


@dataclass(frozen=True)
class KeptRun:
    """What a run's folder says of it.

    Args:
        folder: the folder.
        overrides: what was typed, by key.
        config: the whole configuration, by dotted key; empty where it was not kept.
        metrics: every figure, as in metrics.json; empty where the run did not end.
        state: done, failed or unfinished.
        changed: when the folder's last news are of, in seconds.
    """

    folder: Path
    overrides: dict[str, str]
    config: dict[str, Any]
    metrics: dict[str, Any]
    state: str
    changed: float = field(default=0.0, compare=False)

    def value(self, key: str) -> Any:
        """What is called so: `run`, `state`, `time`, a figure, a typed key or one of the configuration; None for none.

        A figure without a stage is that of the test, or else of the validation.
        """
        if key in ("run", "state", "time"):
            return {"run": str(self.folder), "state": self.state, "time": self.changed}[key]
        for name in (key, f"test/{key}", f"validation/{key}"):
            if name in self.metrics:
                return self.metrics[name]
        return self.overrides.get(key, self.config.get(key))

    def keys(self) -> set[str]:
        """Everything that `value` knows of this run."""
        return {"run", "state", "time", *self.metrics, *self.overrides, *self.config}


def find_runs(folder: Path, folds: bool = False) -> list[KeptRun]:
    """All runs below a folder, the oldest first.

    Args:
        folder: `outputs/`, a sweep's folder, or a run's own.
        folds: whether the folds of a cross-validation are runs too.

    Raises:
        UserError: for a folder that is not there.
    """
    if not folder.is_dir():
        beside = [path.name for path in folder.parent.iterdir()] if folder.parent.is_dir() else []
        raise UserError(f"There is no folder {folder}. {nearest(folder.name, beside) if beside else ''}".rstrip())
    found = []
    for here, below, files in os.walk(folder):
        names = {*below, *files}
        is_sweep = "multirun.yaml" in names and "metrics.json" not in names
        if names.intersection(MARKS) and not is_sweep:
            found.append(read_run(Path(here)))
            below[:] = ["folds"] if folds and "folds" in below else []
    return sorted(found, key=lambda run: (run.changed, str(run.folder)))


def read_run(folder: Path) -> KeptRun:
    """What one run's folder says; nothing that is missing or broken in it is an error."""
    metrics = _json(folder / "metrics.json")
    # A run from Python, a fold or a point of a learning curve is none of Hydra's.
    config = _yaml(folder / ".hydra" / "config.yaml") or _json(folder / "provenance.json").get("config")
    typed = _yaml(folder / ".hydra" / "overrides.yaml")
    overrides = [str(each) for each in typed] if isinstance(typed, list) else []
    marks = [folder / name for name in MARKS if (folder / name).exists()]
    failed = (folder / "error.txt").exists()
    return KeptRun(
        folder,
        {key.lstrip("+~"): value for key, _, value in (each.partition("=") for each in overrides)},
        flat(config) if isinstance(config, dict) else {},
        metrics,
        "done" if metrics else "failed" if failed else "unfinished",
        max((mark.stat().st_mtime for mark in marks), default=0.0),
    )


def flat(node: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested mappings as one, by dotted key."""
    found: dict[str, Any] = {}
    for key, value in node.items():
        name = f"{before}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, Mapping) and value else {name: value}
    return found


def fitting(runs: Sequence[KeptRun], conditions: Sequence[str]) -> list[KeptRun]:
    """The runs that meet all conditions: `encoder=lstm`, `state!=done`, `score>0.8`, `seed<=3`.

    Raises:
        UserError: for what is no condition, or names what no run has.
    """
    for condition in conditions:
        match = CONDITION.fullmatch(condition.strip())
        if match is None:
            raise UserError(
                f"where: {condition!r} is no condition; write KEY=VALUE, KEY!=VALUE, KEY>VALUE or KEY<VALUE."
            )
        key, sign, wanted = match.groups()
        check_key(runs, key, "where")
        runs = [run for run in runs if _meets(run.value(key), sign, wanted)]
    return list(runs)


def check_key(runs: Sequence[KeptRun], key: str, argument: str) -> None:
    """See that some run has a value of this name.

    Raises:
        UserError: where none has.
    """
    if runs and all(run.value(key) is None for run in runs):
        known = {name for run in runs for name in run.keys()}  # noqa: SIM118  # no mapping
        raise UserError(f"{argument}: no run has {key!r}. {nearest(key, sorted(known))}")


def _meets(value: Any, sign: str, wanted: str) -> bool:
    if sign in ("=", "!="):
        return (_text(value) == wanted or _number(value) == _number(wanted) is not None) == (sign == "=")
    left, right = _number(value), _number(wanted)
    if left is None or right is None:
        return False
    return {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right}[sign]


def _text(value: Any) -> str:
    return {None: "null", True: "true", False: "false"}.get(value, str(value)) if not isinstance(value, list | dict) else str(value)  # noqa: E501  # fmt: skip


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) or value is None else float(value)
    except (TypeError, ValueError):
        return None


def _json(file: Path) -> dict[str, Any]:
    try:
        loaded = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return loaded if isinstance(loaded, dict) else {}


def _yaml(file: Path) -> Any:
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, ValueError, yaml.YAMLError):
        return None
