import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from seqclf.errors import UserError
from seqclf.nn.initializations import INITIALIZATIONS, lstm_hidden_bias
from seqclf.nn.initializer import Initializer


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(64, 256)
        self.lstm = nn.LSTM(8, 4)
        self.convolution = nn.Conv1d(3, 5, 3)


def started(spec: Any) -> Tensor:
    """What the weight `(256, 64)` starts with."""
    model = Model()
    Initializer({r"wide\.weight": spec})(model)
    return model.wide.weight.detach()


@pytest.mark.parametrize(
    ("spec", "mean", "std"),
    [
        ("normal", 0, 1),
        ({"name": "normal", "mean": 2, "std": 0.1}, 2, 0.1),
        ("uniform", 0.5, 1 / math.sqrt(12)),
        ({"name": "uniform", "a": -1, "b": 1}, 0, 2 / math.sqrt(12)),
        ("xavier_uniform", 0, math.sqrt(2 / (64 + 256))),
        ("xavier_normal", 0, math.sqrt(2 / (64 + 256))),
        ({"name": "kaiming_uniform", "nonlinearity": "relu"}, 0, math.sqrt(2 / 64)),
        ({"name": "kaiming_normal", "nonlinearity": "relu"}, 0, math.sqrt(2 / 64)),
        ("uniform_unit_scaling", 0, math.sqrt(1 / 64)),
        ({"name": "uniform_unit_scaling", "nonlinearity": "relu"}, 0, math.sqrt(2 / 64)),
    ],
)
def test_random_values_have_their_mean_and_deviation(spec: Any, mean: float, std: float) -> None:
    weight = started(spec)
    assert weight.mean().item() == pytest.approx(mean, abs=0.03 * std)
    assert weight.std().item() == pytest.approx(std, rel=0.03)


def test_fixed_values() -> None:
    assert started("zero").unique().tolist() == [0]
    assert started({"name": "constant", "val": 3}).unique().tolist() == [3]
    orthogonal = started("orthogonal")
    torch.testing.assert_close(orthogonal.T @ orthogonal, torch.eye(64), rtol=0, atol=1e-5)


def test_the_forget_gate_is_open_and_the_others_are_at_zero() -> None:
    model = Model()
    Initializer({"lstm.bias_hh": "lstm_hidden_bias", "lstm.bias_ih": {"name": "lstm_hidden_bias", "val": 0.5}})(model)
    assert model.lstm.bias_hh_l0.tolist() == [0.0] * 4 + [1.0] * 4 + [0.0] * 8
    assert model.lstm.bias_ih_l0.tolist() == [0.0] * 4 + [0.5] * 4 + [0.0] * 8


def test_the_forget_gate_is_where_torch_has_it() -> None:
    lstm = nn.LSTM(1, 1)
    for parameter in lstm.parameters():
        nn.init.zeros_(parameter)
    with torch.no_grad():
        lstm_hidden_bias(lstm.bias_hh_l0, val=100.0)
    cell = torch.tensor([[0.7]])
    kept = lstm(torch.zeros(1, 1), (torch.zeros(1, 1), cell))[1][1]
    torch.testing.assert_close(kept, cell)


def test_parameters_that_nothing_fits_are_left_alone() -> None:
    model = Model()
    before = model.wide.bias.clone()
    Initializer({"lstm": "zero"})(model)
    assert torch.equal(model.wide.bias, before)
    assert all(parameter.abs().sum() == 0 for parameter in model.lstm.parameters())


def test_no_pattern_changes_nothing() -> None:
    model = Model()
    before = [parameter.clone() for parameter in model.parameters()]
    Initializer()(model)
    assert all(torch.equal(one, other) for one, other in zip(before, model.parameters(), strict=True))


def test_parameters_still_learn() -> None:
    model = Model()
    Initializer({"weight": "normal"})(model)
    assert all(parameter.requires_grad and parameter.is_leaf for parameter in model.parameters())


def test_the_same_seed_gives_the_same_start() -> None:
    starts = []
    for _ in range(2):
        torch.manual_seed(3)
        starts.append(started("orthogonal"))
    assert torch.equal(*starts)


def test_eye_is_the_identity() -> None:
    weight = started("eye")
    assert torch.equal(weight, torch.eye(256, 64))


def test_dirac_passes_its_input_on() -> None:
    model = Model()
    Initializer({"convolution.weight": "dirac", "convolution.bias": "zero"})(model)
    x = torch.randn(2, 3, 7)
    torch.testing.assert_close(model.convolution(x)[:, :3], x[:, :, 1:-1])


@pytest.mark.parametrize("sparsity", [0.0, 0.75])
def test_sparse_leaves_its_share_of_each_column_at_zero(sparsity: float) -> None:
    weight = started({"name": "sparse", "sparsity": sparsity, "std": 0.1})
    assert ((weight == 0).sum(0) == sparsity * 256).all()
    assert weight[weight != 0].std().item() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("options", "rows", "columns"), [({}, 64, 64), ({"split_sizes": [128, 32], "gain": 2.0}, 128, 32)]
)
def test_every_block_is_orthogonal_and_none_is_another(options: dict[str, Any], rows: int, columns: int) -> None:
    weight = started({"name": "block_orthogonal", **options})
    blocks = [block for band in weight.split(rows) for block in band.split(columns, dim=1)]
    assert len(blocks) == 256 * 64 // (rows * columns)
    for block in blocks:
        product = block.T @ block / options.get("gain", 1.0) ** 2
        torch.testing.assert_close(product, torch.eye(columns), rtol=0, atol=1e-5)
    assert not torch.equal(blocks[0], blocks[1])


def saved(folder: Path) -> dict[str, Tensor]:
    torch.manual_seed(9)
    weights = {name: parameter.detach().clone() for name, parameter in Model().named_parameters()}
    weights["lstm.bias_hh_l0"][0] = math.nan
    save_file(weights, folder / "model.safetensors")
    return weights


def test_a_trained_models_parameters_can_be_copied(tmp_path: Path) -> None:
    weights, model = saved(tmp_path), Model()
    other = {"name": "pretrained", "folder": str(tmp_path / "model.safetensors"), "parameter": "lstm.bias_ih_l0"}
    Initializer({"wide": {"name": "pretrained", "folder": str(tmp_path)}, "lstm.bias_hh_l0": other})(model)
    assert torch.equal(model.wide.weight, weights["wide.weight"])
    assert torch.equal(model.wide.bias, weights["wide.bias"])
    assert torch.equal(model.lstm.bias_hh_l0, weights["lstm.bias_ih_l0"])
    assert not torch.equal(model.lstm.weight_hh_l0, weights["lstm.weight_hh_l0"])


@pytest.mark.parametrize(
    ("parameter", "options", "message"),
    [
        ("wide.weight", {"parameter": "wide.wait"}, r"has no parameter 'wide\.wait'\. Did you mean 'wide\.weight'"),
        ("wide.weight", {"parameter": "wide.bias"}, r"cannot initialise 'wide\.weight' .*has the shape \(256,\)"),
        ("wide.weight", {"folder": "nowhere"}, "nowhere is no file of weights"),
        ("lstm.bias_hh_l0", {}, "not finite numbers"),
    ],
)
def test_what_cannot_be_copied_is_named(tmp_path: Path, parameter: str, options: dict[str, Any], message: str) -> None:
    saved(tmp_path)
    with pytest.raises(UserError, match=message):
        Initializer({parameter: {"name": "pretrained", "folder": str(tmp_path), **options}})(Model())


def test_what_is_no_file_of_safetensors_is_refused(tmp_path: Path) -> None:
    torch.save({"wide.weight": torch.zeros(2)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="no file of weights"):
        Initializer({"wide.weight": {"name": "pretrained", "folder": str(tmp_path)}})(Model())


FITTING = {"lstm_hidden_bias": "lstm.bias_hh_l0", "dirac": "convolution.weight"}
OPTIONS: dict[str, dict[str, Any]] = {"constant": {"val": 2.0}, "sparse": {"sparsity": 0.5}}


@pytest.mark.parametrize("name", sorted(INITIALIZATIONS))
def test_every_name_works_without_more_options_than_it_needs(name: str, tmp_path: Path) -> None:
    saved(tmp_path)
    model, parameter = Model(), FITTING.get(name, "wide.weight")
    before = model.get_parameter(parameter).clone()
    options = {"folder": str(tmp_path)} if name == "pretrained" else OPTIONS.get(name, {})
    Initializer({parameter: {"name": name, **options} if options else name})(model)
    assert not torch.equal(model.get_parameter(parameter), before)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ({"wide": "orthogonl"}, r"`initializer\.patterns\.wide` cannot be 'orthogonl'\. Did you mean 'orthogonal'"),
        ({"wide": {"name": "normal", "sdt": 1}}, r"normal has no option 'sdt'\. Did you mean 'std'"),
        ({"wyde.weight": "zero"}, r"`initializer\.patterns`: 'wyde\.weight' fits no parameter.*'wide\.weight'"),
        ({"wide.bias": "xavier_uniform"}, r"cannot initialise 'wide\.bias' of shape \(256,\)"),
        ({"wide.weight": "lstm_hidden_bias"}, r"cannot initialise 'wide\.weight'.*not the bias of four gates"),
        ({"lstm.bias": "eye"}, r"cannot initialise 'lstm\.bias.*2 dimensions"),
        ({"wide.weight": "dirac"}, r"cannot initialise 'wide\.weight'.*3, 4, or 5"),
        ({"wide.bias": {"name": "sparse", "sparsity": 0.1}}, r"cannot initialise 'wide\.bias'.*2 dimensions"),
        ({"wide.weight": {"name": "sparse", "sparsity": 2}}, r"`sparsity` must be between 0 and 1, but is 2"),
        ({"wide.weight": "sparse"}, r"sparse needs 'sparsity'"),
        ({"wide.weight": "constant"}, r"constant needs 'val'"),
        ({"wide.weight": "pretrained"}, r"pretrained needs 'folder'"),
        ({"lstm.weight_ih": "block_orthogonal", "wide.bias": "block_orthogonal"}, r"'wide\.bias'.*2 or more"),
        (
            {"wide.weight": {"name": "block_orthogonal", "split_sizes": [100, 64]}},
            r"blocks of \(100, 64\) do not divide it",
        ),
        ({"wide": {"name": "normal", "std": "big"}}, r"cannot initialise 'wide\.weight'"),
    ],
)
def test_mistakes_are_named(patterns: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Initializer(patterns)(Model())
