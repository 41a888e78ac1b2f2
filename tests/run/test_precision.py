import csv
from pathlib import Path

import pytest
import torch

from seqclf.errors import UserError
from seqclf.run import precision
from seqclf.run.compose import compose
from seqclf.run.precision import TrainingInBfloat16, multiplies_bfloat16, precision_settings, tensor_cores
from seqclf.run.train import train


def product() -> torch.dtype:
    matrix = torch.ones(2, 2)
    return (matrix @ matrix).dtype


def test_auto_trains_in_bfloat16_and_evaluates_in_float32() -> None:
    plugin = TrainingInBfloat16("cpu")
    with plugin.train_step_context():
        assert product() == torch.bfloat16
    for context in (plugin.val_step_context, plugin.test_step_context, plugin.predict_step_context):
        with context():
            assert product() == torch.float32


@pytest.mark.parametrize("has", [True, False])
def test_auto_asks_the_hardware(monkeypatch: pytest.MonkeyPatch, has: bool) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has and not including_emulation)
    assert multiplies_bfloat16("cpu") == multiplies_bfloat16("cuda") == has
    settings, plugins = precision_settings("auto", "cpu")
    assert settings == ({} if has else {"precision": "32"})
    assert [type(plugin) for plugin in plugins] == [TrainingInBfloat16] * has


def test_a_precision_that_was_typed_is_lightnings() -> None:
    assert precision_settings("16-mixed", "cpu") == ({"precision": "16-mixed"}, [])
    assert precision_settings(64, "cpu") == ({"precision": 64}, [])
    with pytest.raises(UserError, match="Did you mean 'bf16-mixed'"):
        precision_settings("bf16-mixd", "cpu")


@pytest.mark.parametrize("allowed", [True, False])
def test_what_a_gpu_may_do_is_as_before_in_the_end(allowed: bool) -> None:
    products, convolutions = torch.backends.cuda.matmul, torch.backends.cudnn.conv  # type: ignore[attr-defined]
    before = products.fp32_precision, convolutions.fp32_precision
    with tensor_cores(allowed):
        assert products.fp32_precision == convolutions.fp32_precision == ("tf32" if allowed else "ieee")
    assert (products.fp32_precision, convolutions.fp32_precision) == before


def test_the_figures_of_a_run_by_auto_are_those_of_its_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda device: True)
    options = "data=synthetic", "data.records=200", "encoder=cnn", "embedder.embedding_dim=16", "trainer=debug"
    result = train(compose(*options, "trainer.precision=auto", "trainer.accelerator=cpu", "baselines=false"))
    with (result.run_dir / "predictions.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    right = sum(row["prediction"] == row["label"] for row in rows) / len(rows)
    assert result.metrics["test/accuracy"] == pytest.approx(right)
