"""What holds for every part that a yaml names, whatever it does: found from `conf/`, a new part is in at once."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from seqclf.batch import EMPTY
from seqclf.build import make_seq2seq
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.parts import make
from seqclf.ragged import Ragged, Rows, WordParts
from seqclf.several import is_several
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import WORD_INDEXERS, Vocabulary
from seqclf.token_features import build_embedder

CONF = Path(__file__).parents[2] / "conf"
GROUPS = ("encoder", "seq2seq", "multifield", "multifield_seq2seq", "embedder")
# The order of a row does not matter to these.
SETS = {"bag", "attention", "multihead_attention", "feedforward", "pass_through", "gated_sum", "variational_dropout"}
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-12}
INPUT_DIM, NUM_FIELDS = 6, 5
WORDS = [f"w{place * 7919}" for place in range(46)]
VOCABULARY = Vocabulary(
    Tokenization().train(WORDS),
    ["x"],
    ["text"],
    word_indexers={name: indexer.fit(dict.fromkeys(WORDS, 1)) for name, indexer in WORD_INDEXERS.items()},
)
SMALL = {"hidden_size": 8, "feedforward_hidden_dim": 16, "num_filters": 7, "buckets": 100}  # the laws know no size


def node(group: str, name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((CONF / group / f"{name}.yaml").read_text())
    for default in loaded.pop("defaults", []):
        if default == "_self_":
            continue
        if isinstance(default, str):  # "lstm@lstm", another choice of the group under its own name
            choice, _, key = default.partition("@")
            loaded = {key: node(group, choice), **loaded}
            continue
        for where, choice in default.items():  # "/encoder@_here_: lstm", or "/encoder@encoder: cnn" for a part inside
            inner, _, key = where.strip("/").partition("@")
            found = node(inner, choice)
            loaded = {**(found if key in ("", "_here_") else {key: found}), **loaded}
    return loaded


PARTS = [
    (group, path.stem)
    for group in GROUPS
    for path in sorted((CONF / group).glob("*.yaml"))
    # What chooses another group along with itself reads tokens of its own: tests/nn/test_pretrained_embedder.py.
    if "override" not in path.read_text() and node(group, path.stem).get("_target_") is not None
]
ENCODERS = [part for part in PARTS if part[0] != "embedder"]


def small(loaded: dict[str, Any]) -> dict[str, Any]:
    """A node with sizes as the laws like them, without interpolations."""
    return {
        key: small(value) if isinstance(value, dict) else SMALL.get(key, value)
        for key, value in loaded.items()
        if not str(value).startswith("${")
    }


def build(group: str, name: str, dtype: torch.dtype = torch.float64) -> nn.Module:
    given = small(node(group, name))
    built: nn.Module
    if group == "embedder":
        built = build_embedder(given, VOCABULARY, sparse=True)
    elif is_several(given):
        built = make_seq2seq(given, group, INPUT_DIM)
    else:
        built = make(given, group, input_dim=INPUT_DIM, num_fields=NUM_FIELDS)
    return built.to(dtype).eval()


def values(group: str, size: int, dtype: torch.dtype) -> Tensor:
    if group == "embedder":
        return torch.randint(EMPTY, VOCABULARY.size(), (size,))
    return torch.randn(size, INPUT_DIM, dtype=dtype)


def draw(group: str, lengths: list[int], dtype: torch.dtype = torch.float64) -> Ragged:
    """Rows of these lengths; as records of fields, some of which are missing, in the groups that see those."""
    positions = None
    if group.startswith("multifield"):
        generator = np.random.default_rng(3)
        chosen = [np.sort(generator.permutation(NUM_FIELDS)[:length]) for length in lengths]
        positions = np.concatenate(chosen)
    rows = Rows.from_lengths(lengths, positions)
    return Ragged(values(group, rows.num_values, dtype), rows)


def lengths_of(group: str) -> list[int]:
    return [3, 1, 5, 2, 1, 4] if group.startswith("multifield") else [3, 1, 17, 40, 2, 1, 38, 6]


def take(sequences: Ragged, order: list[int]) -> Ragged:
    """The rows of `sequences` that `order` names, in that order."""
    offsets, positions = sequences.rows.offsets, sequences.rows.positions
    spans = [np.arange(offsets[row], offsets[row + 1]) for row in order]
    kept = np.concatenate(spans)
    rows = Rows.from_lengths([len(span) for span in spans], None if positions is None else positions[kept])
    return Ragged(sequences.values[torch.from_numpy(kept)], rows)


def apply(part: nn.Module, sequences: Ragged) -> Any:
    """What a part gives; an embedder is given all that a batch says of these tokens."""
    if not isinstance(part, TextFieldEmbedder):
        return part(sequences)
    words, known = VOCABULARY.words(), VOCABULARY.word_indexers
    distinct, places = sequences.values.unique(return_inverse=True)
    inside = {
        name: WordParts(
            places, sequences.rows, Ragged.from_sequences([indexer.parts(words[word]) for word in distinct])
        )
        for name, indexer in known.items()
    }
    return part({"tokens": sequences, **inside})


def outputs(part: nn.Module, sequences: Ragged) -> list[Tensor]:
    """What a part gives for each row."""
    out = apply(part, sequences)
    if isinstance(out, Ragged):
        return list(out.values.split(out.rows.lengths.tolist()))
    return list(out)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("group", "name"), PARTS)
def test_a_row_alone_gives_what_it_gives_in_any_batch(group: str, name: str, dtype: torch.dtype) -> None:
    part, batch = build(group, name, dtype), draw(group, lengths_of(group), dtype)
    for row, expected in enumerate(outputs(part, batch)):
        (alone,) = outputs(part, take(batch, [row]))
        torch.testing.assert_close(alone, expected, rtol=0, atol=TOLERANCE[dtype])


@pytest.mark.parametrize(("group", "name"), PARTS)
def test_permuting_rows_permutes_outputs(group: str, name: str) -> None:
    part, batch = build(group, name), draw(group, lengths_of(group))
    order = torch.randperm(len(batch)).tolist()
    expected = outputs(part, batch)
    for out, row in zip(outputs(part, take(batch, order)), order, strict=True):
        torch.testing.assert_close(out, expected[row], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("group", "name"), PARTS)
def test_rows_in_are_rows_out_and_the_last_dimension_is_the_output_dim(group: str, name: str) -> None:
    part, batch = build(group, name), draw(group, lengths_of(group))
    out = apply(part, batch)
    if isinstance(out, Ragged):
        assert out.rows is batch.rows
        assert out.values.shape == (batch.rows.num_values, part.output_dim)
    else:
        assert out.shape == (len(batch), part.output_dim)
    assert group == "embedder" or part.input_dim == INPUT_DIM


@pytest.mark.parametrize("lengths", [[1], [1, 1, 1], [1, 5, 1]])
@pytest.mark.parametrize(("group", "name"), PARTS)
def test_rows_of_one_value_work(group: str, name: str, lengths: list[int]) -> None:
    for out in outputs(build(group, name), draw(group, lengths)):
        assert torch.isfinite(out).all()


@pytest.mark.parametrize(("group", "name"), PARTS)
def test_gradients_reach_every_parameter_and_the_input(group: str, name: str) -> None:
    part, batch = build(group, name).train(), draw(group, lengths_of(group))
    if group != "embedder":
        batch.values.requires_grad_()
    out = torch.cat([vectors.flatten() for vectors in outputs(part, batch)])
    (out * torch.randn_like(out)).sum().backward()
    for label, parameter in [*part.named_parameters(), *([("input", batch.values)] if group != "embedder" else [])]:
        assert parameter.grad is not None, label
        gradient = parameter.grad.coalesce().values() if parameter.grad.is_sparse else parameter.grad
        assert torch.isfinite(gradient).all(), label
        assert gradient.abs().sum() > 0, label


@pytest.mark.parametrize(("group", "name"), PARTS)
def test_eval_is_deterministic(group: str, name: str) -> None:
    part, batch = build(group, name), draw(group, lengths_of(group))
    torch.testing.assert_close(outputs(part, batch), outputs(part, batch), rtol=0, atol=0)


@pytest.mark.parametrize(("group", "name"), PARTS)
def test_a_batch_that_was_predicted_can_be_learned_from(group: str, name: str) -> None:
    part, batch = build(group, name), draw(group, lengths_of(group))
    with torch.inference_mode():
        expected = outputs(part, batch)
    out = outputs(part, batch)
    torch.testing.assert_close(out, expected, rtol=0, atol=1e-12)
    if list(part.parameters()):
        torch.cat([vectors.flatten() for vectors in out]).sum().backward()


@pytest.mark.parametrize(("group", "name"), PARTS)
def test_mixed_precision_is_near_full_precision(group: str, name: str) -> None:
    part, batch = build(group, name, torch.float32), draw(group, lengths_of(group), torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = outputs(part, batch)
    for out, expected in zip(mixed, outputs(part, batch), strict=True):
        torch.testing.assert_close(out.float(), expected, rtol=0, atol=0.1)


@pytest.mark.parametrize(("group", "name"), PARTS)
def test_a_trained_part_saved_and_loaded_gives_the_same_numbers(group: str, name: str) -> None:
    part, batch = build(group, name), draw(group, lengths_of(group))
    loss = torch.cat([vectors.flatten() for vectors in outputs(part.train(), batch)]).square().sum()
    if list(part.parameters()):
        loss.backward()
    with torch.no_grad():
        for parameter in part.parameters():
            parameter -= 0.1 * parameter.grad.to_dense()
    expected = outputs(part.eval(), batch)
    file = io.BytesIO()
    torch.save(part.state_dict(), file)
    file.seek(0)
    loaded = build(group, name)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    torch.testing.assert_close(outputs(loaded, batch), expected, rtol=0, atol=0)


@pytest.mark.parametrize(("group", "name"), [part for part in ENCODERS if part[1] in SETS])
def test_order_does_not_matter_to_a_set(group: str, name: str) -> None:
    part = build(group, name)
    batch = draw(group, [5])
    positions = batch.rows.positions
    order = torch.tensor([3, 0, 4, 1, 2])
    rows = Rows.from_lengths([5], None if positions is None else positions[order.numpy()])
    (out,), (other,) = outputs(part, batch), outputs(part, Ragged(batch.values[order], rows))
    expected = out if out.dim() == 1 else out[order]  # a seq2seq encoder
    torch.testing.assert_close(other, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("group", "name"), [part for part in ENCODERS if part[1] not in {*SETS, "concat"}])
def test_order_matters_to_a_sequence(group: str, name: str) -> None:
    part, vectors = build(group, name), values(group, 5, torch.float64)
    rows = Rows.from_lengths([5])
    (forth,), (back,) = outputs(part, Ragged(vectors, rows)), outputs(part, Ragged(vectors.flip(0), rows))
    if forth.dim() == 2:  # a seq2seq encoder
        back = back.flip(0)
    assert (forth - back).abs().max() > 1e-3


@pytest.mark.parametrize(("group", "name"), [part for part in ENCODERS if hasattr(build(*part), "dense")])
def test_more_padding_changes_nothing_in_a_kernel(group: str, name: str) -> None:
    part = build(group, name)
    lengths = torch.tensor([4, 9, 1, 7])
    longest = max(9, getattr(part, "shortest", 1))
    positions = torch.arange(longest).expand(4, longest)
    x = torch.randn(4, longest, INPUT_DIM, dtype=torch.float64) * (positions < lengths.unsqueeze(1)).unsqueeze(2)
    wider = nn.functional.pad(x, (0, 0, 0, 6))
    out = part.dense(x, lengths, positions)
    more = part.dense(wider, lengths, nn.functional.pad(positions, (0, 6)))
    if out.dim() == 3:  # a seq2seq encoder: what stands at the padding does not matter
        out, more = (rows[:, :longest][positions < lengths.unsqueeze(1)] for rows in (out, more))
    torch.testing.assert_close(more, out, rtol=0, atol=1e-12)


def test_the_table_holds_every_group() -> None:
    assert {group for group, _ in PARTS} == set(GROUPS)
    assert {"bag", "attention", "lstm", "gru", "cnn", "transformer"} <= {
        name for group, name in PARTS if group == "encoder"
    }


@pytest.mark.parametrize("group", ["encoder", "seq2seq"])
def test_every_encoder_of_tokens_is_one_of_fields_too(group: str) -> None:
    above = {"encoder": "multifield", "seq2seq": "multifield_seq2seq"}[group]
    for name in [part[1] for part in PARTS if part[0] == group]:
        assert node(above, name).keys() == node(group, name).keys()
        assert node(above, name)["_target_"] == node(group, name)["_target_"]
