from pathlib import Path

import pytest
import torch

from seqclf.run.compose import compose
from seqclf.run.train import train


def test_last_is_of_the_last_epoch_and_best_of_the_best(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("data=synthetic", "data.records=100", "baselines=false", "embedder.buckets=100", "data.batch_size=16")
    still = ("optimizer=sgd", "optimizer.lr=0")  # the first of equal epochs is the best
    result = train(compose(*small, *still, "trainer.max_epochs=3", "trainer.progress_bar=false"))
    assert result.metrics["best_epoch"] == 1
    folder = result.run_dir / "checkpoints"
    assert {path.name for path in folder.iterdir()} == {"best.ckpt", "last.ckpt"}
    epochs = {name: torch.load(folder / f"{name}.ckpt", weights_only=True)["epoch"] for name in ("best", "last")}
    assert epochs == {"best": 0, "last": 2}
