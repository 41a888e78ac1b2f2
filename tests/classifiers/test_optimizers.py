import io
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from seqclf.classifiers.clipping import clip_gradients
from seqclf.classifiers.optimizers import SGD, TABLE, Adagrad, Adam, AdamW
from seqclf.errors import UserError

OURS = {
    "adam": (Adam(lr=0.01), partial(torch.optim.Adam, lr=0.01)),
    "adamw": (AdamW(lr=0.01, no_decay=[]), partial(torch.optim.AdamW, lr=0.01)),
    "adagrad": (Adagrad(lr=0.1), partial(torch.optim.Adagrad, lr=0.1)),
    "adagrad, from 0.1 down": (
        Adagrad(lr=0.1, lr_decay=0.1, initial_accumulator_value=0.1),
        partial(torch.optim.Adagrad, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.1),
    ),
    "sgd": (SGD(lr=0.1), partial(torch.optim.SGD, lr=0.1)),
    "nesterov": (
        SGD(lr=0.1, momentum=0.9, nesterov=True),
        partial(torch.optim.SGD, lr=0.1, momentum=0.9, nesterov=True),
    ),
}
SPARSE = {
    "adam": Adam(lr=0.01),
    "adamw": AdamW(lr=0.01),
    "adagrad": Adagrad(lr=0.1),
    "sgd": SGD(lr=0.1),
}


class Network(nn.Module):
    def __init__(self, sparse: bool = False, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(50, 4, sparse=sparse)
        self.projection = nn.Linear(4, 3, bias=False)
        self.to(dtype)

    def forward(self, ids: Tensor) -> Tensor:
        return self.projection(self.embedding(ids).mean(0))


def train(
    network: nn.Module, optimizer: Optimizer, batches: list[Tensor], clip: float | None = None, scale: float = 1.0
) -> list[Tensor]:
    for ids in batches:
        optimizer.zero_grad()
        (scale * network(ids).square().sum()).backward()
        if clip is not None:
            clip_gradients(network.parameters(), clip)
        optimizer.step()
    return [parameter.detach().clone() for parameter in network.parameters()]


def batches(count: int = 6, every_row: bool = False) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    some = [torch.randint(0, 50, (30,), generator=generator) for _ in range(count)]
    return [torch.cat([ids, torch.arange(50)]) for ids in some] if every_row else some


def assert_same(ours: list[Tensor], others: list[Tensor], tolerance: float) -> None:
    for mine, other in zip(ours, others, strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 3e-6), (torch.float64, 1e-12)])
def test_dense_parameters_are_stepped_as_torch_does(name: str, dtype: torch.dtype, tolerance: float) -> None:
    make, reference = OURS[name]
    network, other = Network(dtype=dtype), Network(dtype=dtype)
    ours = train(network, make(network.named_parameters()), batches())
    assert_same(ours, train(other, reference(other.parameters()), batches()), tolerance)


@pytest.mark.parametrize(("scale", "eps"), [(1.0, 1e-12), (100.0, 1e-8)])
def test_sparse_tables_are_stepped_as_sparse_adam_does_and_the_rest_as_adamw(scale: float, eps: float) -> None:
    # Ours adds eps where Adam does, after the correction of the bias, SparseAdam before: tiny gradients would tell.
    network, other = Network(sparse=True, dtype=torch.float64), Network(sparse=True, dtype=torch.float64)
    make = AdamW(lr=0.01, weight_decay=0.1, eps=eps)
    ours = train(network, make(network.named_parameters()), batches(), scale=scale)
    table = torch.optim.SparseAdam([other.embedding.weight], lr=0.01, eps=eps)
    rest = torch.optim.AdamW(other.projection.parameters(), lr=0.01, weight_decay=0.1, eps=eps)
    with torch.sparse.check_sparse_tensor_invariants(False):
        for ids in batches():
            other.zero_grad()
            (scale * other(ids).square().sum()).backward()
            table.step()
            rest.step()
    assert_same(ours, [parameter.detach() for parameter in other.parameters()], 3e-6)


@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize(
    ("name", "every_row"),
    # dense Adam moves on with the rows that a batch does not use, lazy Adam does not: only with every row they agree
    [("adam", True), ("adamw", True), ("adagrad", False), ("adagrad", True), ("sgd", False), ("sgd", True)],
)
def test_sparse_gradients_give_what_dense_ones_do(name: str, every_row: bool, clip: float | None) -> None:
    make = SPARSE[name]
    network, dense = Network(sparse=True), Network()
    ours = train(network, make(network.named_parameters()), batches(every_row=every_row), clip)
    assert_same(ours, train(dense, make(dense.named_parameters()), batches(every_row=every_row), clip), 3e-6)


@pytest.mark.parametrize("name", SPARSE)
def test_rows_without_a_gradient_are_left_alone(name: str) -> None:
    network = Network(sparse=True)
    before = network.embedding.weight.detach().clone()
    optimizer = SPARSE[name](network.named_parameters())
    train(network, optimizer, [torch.tensor([1, 2, 2]), torch.tensor([2, 5])])
    moved = (network.embedding.weight != before).any(dim=1).nonzero().flatten()
    assert moved.tolist() == [1, 2, 5]


@pytest.mark.parametrize("name", SPARSE)
def test_an_empty_batch_of_rows_changes_nothing(name: str) -> None:
    network = Network(sparse=True)
    optimizer = SPARSE[name](network.named_parameters())
    for ids in ([], [3], []):
        before = network.embedding.weight.detach().clone()
        optimizer.zero_grad()
        network.embedding(torch.tensor(ids, dtype=torch.long)).sum().backward()
        optimizer.step()
        assert torch.equal(network.embedding.weight, before) == (not ids)


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("sparse", [False, True])
def test_the_state_loads_weights_only_and_the_training_goes_on_as_if_never_stopped(name: str, sparse: bool) -> None:
    steps = batches()
    straight = Network(sparse)
    expected = train(straight, SPARSE[name](straight.named_parameters()), steps)
    network = Network(sparse)
    optimizer = SPARSE[name](network.named_parameters())
    train(network, optimizer, steps[:3])
    file = io.BytesIO()
    torch.save({"network": network.state_dict(), "optimizer": optimizer.state_dict()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = Network(sparse)
    again = SPARSE[name](resumed.named_parameters())
    resumed.load_state_dict(saved["network"])
    again.load_state_dict(saved["optimizer"])
    assert_same(train(resumed, again, steps[3:]), expected, 0)


def test_the_state_of_a_sparse_table_is_that_of_a_dense_one() -> None:
    states = []
    for sparse in (False, True):
        network = Network(sparse)
        optimizer = AdamW()(network.named_parameters())
        train(network, optimizer, batches(every_row=True))
        states.append(optimizer.state_dict()["state"])
    dense, lazy = states
    assert dense.keys() == lazy.keys()
    for number in dense:
        assert dense[number].keys() == lazy[number].keys()
        for name in dense[number]:
            torch.testing.assert_close(lazy[number][name], dense[number][name])


def test_a_closure_is_evaluated_with_gradients_before_the_step() -> None:
    network = Network(sparse=True)
    before = network.embedding.weight.detach().clone()
    optimizer = AdamW()(network.named_parameters())

    def closure() -> Tensor:
        loss = network(torch.tensor([4])).square().sum()
        loss.backward()
        return loss

    assert optimizer.step(closure) > 0
    assert not torch.equal(network.embedding.weight[4], before[4])


def test_sixteen_bit_scaling_sees_the_gradients_before_they_are_clipped() -> None:
    for make in SPARSE.values():
        assert not getattr(make(Network().named_parameters()), "_step_supports_amp_scaling", False)


def test_decay_on_a_sparse_table_is_refused_and_leaves_the_optimizer_whole() -> None:
    network = Network(sparse=True)
    optimizer = AdamW(weight_decay=0.1, no_decay=[])(network.named_parameters())
    with pytest.raises(RuntimeError, match="weight decay"):
        train(network, optimizer, batches(1))
    assert optimizer.param_groups[0]["params"][0] is network.embedding.weight


@pytest.mark.parametrize(
    ("make", "supported"),
    [
        (AdamW(), True),
        (AdamW(no_decay=[]), False),
        (AdamW(weight_decay=0.0, no_decay=[]), True),
        (AdamW(groups={"embedding": {"weight_decay": 0.1}}), False),
        (AdamW(groups={"projection": {"weight_decay": 0.1}}), True),
        (Adam(), True),
        (Adam(weight_decay=0.1, no_decay=[]), False),
        (Adagrad(), True),
        (Adagrad(weight_decay=0.1, no_decay=[]), False),
        (SGD(), True),
        (SGD(momentum=0.9), False),
        (SGD(momentum=0.9, groups={"embedding": {"momentum": 0.0}}), True),
        (SGD(weight_decay=0.1, no_decay=[]), False),
    ],
)
def test_sparse_gradients_are_for_tables_without_decay_and_momentum(make: Callable[..., Any], supported: bool) -> None:
    assert make.supports_sparse is supported


def test_groups_reach_torchs_optimizer() -> None:
    network = nn.ModuleDict({"encoder": nn.Linear(2, 2), "projection": nn.Linear(2, 2)})
    for make in (Adam, AdamW, Adagrad, SGD):
        optimizer = make(lr=0.1, groups={"projection": {"lr": 0.5}})(network.named_parameters())
        rates = {name: group["lr"] for group in optimizer.param_groups for name in group["param_names"]}
        assert rates["projection.weight"] == rates["projection.bias"] == 0.5
        assert rates["encoder.weight"] == rates["encoder.bias"] == 0.1


@pytest.mark.parametrize(
    ("make", "part"),
    [
        (partial(Adam, lr=-1), r"optimizer\.lr"),
        (partial(AdamW, eps="small"), r"optimizer\.eps"),
        (partial(AdamW, betas=[0.9]), "betas"),
        (partial(AdamW, betas=[0.9, 1.0]), "betas"),
        (partial(SGD, nesterov=True), "momentum"),
        (partial(Adagrad, initial_accumulator_value=-1), "initial_accumulator_value"),
        (partial(SGD, groups={"bias": {"eps": 1.0}}), "eps"),
    ],
)
def test_a_setting_out_of_bounds_is_refused_before_anything_is_read(make: Callable[..., Any], part: str) -> None:
    with pytest.raises(UserError, match=part):
        make()


def test_the_table_of_the_words_has_the_name_that_the_optimizers_know() -> None:
    from seqclf.nn.embedder import TextFieldEmbedder
    from seqclf.nn.word_embedder import WordEmbedder

    class Stack(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.text_field_embedder = TextFieldEmbedder({"tokens": WordEmbedder(vocab_size=10, embedding_dim=4)})

    assert TABLE in dict(Stack().named_parameters())
