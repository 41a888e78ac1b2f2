"""Work that is done item by item, by the workers of a Ray cluster."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from seqclf.errors import UserError
from seqclf.run import ray_cluster
from seqclf.run.ray_each import engine_of

ROOT = Path(__file__).parents[2]


def test_nobody_else_reads_unless_it_is_asked_for() -> None:
    with engine_of("here") as each:
        assert each is None
    with pytest.raises(UserError, match=r"data\.engine cannot be 'rya'\. Did you mean 'ray'\?"), engine_of("rya"):
        pass


def test_ray_that_is_not_there_is_said_before_anything_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(ray_cluster.importlib, "import_module", missing)
    with pytest.raises(UserError, match=r"pip install 'seqclf\[ray\]'"), engine_of("ray"):
        pass


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_two_workers_give_what_they_give_in_order() -> None:
    pytest.importorskip("ray")

    def work(item: tuple[int, bytes]) -> tuple[int, int]:
        import time

        number, _ = item
        time.sleep(3 - number % 3)
        if number == 7:
            raise UserError("seven is not to be had")
        return number, os.getpid()

    with engine_of("ray") as each:
        assert each is not None
        came = list(each(work, [(number, bytes(10**6)) for number in range(6)]))
        assert [number for number, _ in came] == list(range(6))
        assert len({process for _, process in came}) > 1
        with pytest.raises(UserError, match="seven is not to be had"):
            list(each(work, [(number, b"") for number in range(6, 9)]))


@pytest.mark.slow
@pytest.mark.parametrize("trainer", [[], ["trainer=ray", "trainer.devices=2"]], ids=["alone", "ranks"])
def test_a_run_on_shards_is_the_same_whoever_numbered_them(tmp_path: Path, trainer: list[str]) -> None:
    pytest.importorskip("ray")
    shards = tmp_path / "shards"
    shards.mkdir()
    for number in range(3):
        rows = [f"{'good' if row % 2 else 'bad'} {row},{'ham' if row % 2 else 'spam'}" for row in range(20)]
        (shards / f"{number}.csv").write_text("\n".join(["text,label", *rows]))
    figures = []
    for engine in ("here", "ray"):
        typed = [f"data.engine={engine}", "data=files", "data.train=shards", *trainer, f"hydra.run.dir={engine}"]
        typed += ["trainer.max_epochs=1", "trainer.accelerator=cpu", "baselines=false", "embedder.buckets=50"]
        environment = {**os.environ, "SEQCLF_CACHE": str(tmp_path / f"cache-{engine}"), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, str(ROOT / "train.py"), *typed]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        figures.append(json.loads((tmp_path / engine / "metrics.json").read_text()))
    assert figures[0]["validation/loss"] == pytest.approx(figures[1]["validation/loss"], abs=1e-6)
