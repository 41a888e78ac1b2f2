"""Two clocks, arms in turn, and how the figures are kept."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path("outputs/benchmark.jsonl")
CPU, WALL = "CPU seconds", "wall seconds"


@dataclass(frozen=True)
class Figure:
    """A figure of one round or more.

    Args:
        part: of the page: "start_up", "training", ...
        name: what was measured.
        values: of every round; the median counts.
        unit: "times" for a ratio.
        aim: what it should be; None where nothing was promised.
        at_most: whether less is better.
        beside: the figures behind a ratio, in words.
        conditions: clock, threads, versions.
    """

    part: str
    name: str
    values: list[float]
    unit: str = "times"
    aim: float | None = None
    at_most: bool = False
    beside: str = ""
    conditions: str = ""

    @property
    def value(self) -> float:
        """The median."""
        return statistics.median(self.values)

    @property
    def reached(self) -> bool | None:
        """Whether the aim is reached, to two digits behind the point; None where there is none."""
        if self.aim is None:
            return None
        value = round(self.value, 2)
        return value <= self.aim if self.at_most else value >= self.aim


@dataclass
class Bench:
    """How to measure: what was typed.

    Args:
        typed: `key=value` arguments.
        shown: where a figure goes as soon as it is there.
    """

    typed: Mapping[str, str]
    shown: list[Figure] = field(default_factory=list)

    @property
    def rounds(self) -> int:
        """How often everything is measured, after one time that does not count."""
        return int(self.typed.get("rounds", "3"))

    @property
    def threads(self) -> int:
        """Threads of torch."""
        return int(self.typed.get("threads", "1"))

    @property
    def clock(self) -> str:
        """CPU seconds hold on a busy machine, and say nothing of several threads."""
        return WALL if self.typed.get("clock", "cpu" if self.threads == 1 else "wall") == "wall" else CPU

    @property
    def models(self) -> list[str]:
        """The encoders to measure."""
        return self.typed.get("models", "lstm,cnn,transformer,bag").split(",")

    def sets(self) -> dict[str, list[str]]:
        """What to type for each data set."""
        if "data" not in self.typed:
            return {"synthetic": ["data=synthetic", "data.records=5000"]}
        names = self.typed.get("sets", "trec6,ag_news").split(",")
        return {name: ["data=files", f"data.train={self.file(name, 'train')}"] for name in names}

    def file(self, name: str, split: str) -> Path:
        """Where the records of a split of a data set are."""
        return Path(self.typed["data"]).resolve() / name / f"{split}.csv"

    def keep(
        self,
        part: str,
        name: str,
        values: Sequence[float],
        aim: float | None = None,
        beside: str = "",
        unit: str = "times",
        at_most: bool = False,
        conditions: str | None = None,
    ) -> None:
        """Show a figure and keep it for the page."""
        if conditions is None:
            conditions = f"{versions()}, {self.threads} thread{'s' * (self.threads > 1)}, {self.clock}"
        figure = Figure(part, name, list(values), unit, aim, at_most, beside, conditions)
        each = " ".join(f"{value:.3g}" for value in figure.values)
        verdict = {None: "", True: "reached", False: "not reached"}[figure.reached]
        print(f"{part:<12} {name:<44} {figure.value:>9.3g} {unit}  ({each})  {verdict}  {beside}", flush=True)
        self.shown.append(figure)
        KEPT.parent.mkdir(exist_ok=True)
        with KEPT.open("a", encoding="utf-8") as opened:
            print(json.dumps(asdict(figure)), file=opened)


def kept() -> list[Figure]:
    """The last figure of each name, in the order in which they were first measured."""
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.exists() else []
    figures = [Figure(**json.loads(line)) for line in lines]
    return list({(figure.part, figure.name): figure for figure in figures}.values())


def versions() -> str:
    """What the figures depend on besides the machine."""
    import torch

    capability = torch.backends.cpu.get_cpu_capability()
    return f"torch {torch.__version__} ({capability})"


@contextmanager
def timed_by(clock: str) -> Iterator[None]:
    """Have `time.perf_counter`, by which runs time themselves too, count the CPU seconds of this process."""
    with patch.object(time, "perf_counter", time.process_time if clock == CPU else time.perf_counter):
        yield


def in_turn(arms: Mapping[str, Callable[[], float]], rounds: int, uncounted: int = 1) -> dict[str, list[float]]:
    """What every arm returns, one after another, round by round; the first round warms up."""
    found: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(rounds + uncounted):
        for name, arm in arms.items():
            value = arm()
            if number >= uncounted:
                found[name].append(value)
    return found


def ratios(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Round by round."""
    return [one / other for one, other in zip(first, second, strict=True)]


def taken_by(function: Callable[[], object]) -> float:
    """How long a call takes, by the clock that is set."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def seconds_of(command: Sequence[str], clock: str, expected: int = 0) -> float:
    """Seconds of a whole Python process of one thread, with all that it starts.

    Raises:
        RuntimeError: for a process that ends otherwise than expected.
    """
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    ended = subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, env=one_thread())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode != expected:
        raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}: {ended.stderr[-2000:]}")
    if clock == WALL:
        return time.perf_counter() - began
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def one_thread() -> dict[str, str]:
    """The environment of a process that computes on one core."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
