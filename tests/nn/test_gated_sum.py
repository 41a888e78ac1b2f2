import numpy as np
import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.gated_sum import GatedSum
from seqclf.ragged import Ragged, Rows

LENGTHS, FIELDS = [2, 1, 3], np.array([0, 2, 1, 0, 1, 2])


def test_each_field_is_let_in_by_its_own_gate() -> None:
    part = GatedSum(4, num_fields=3).double()
    torch.nn.init.normal_(part.bias)
    vectors = torch.randn(6, 4, dtype=torch.float64)
    weight, bias = part.weight.detach().numpy(), part.bias.detach().numpy()
    expected, place = [], 0
    for length in LENGTHS:
        total = np.zeros(4)
        for x, field in zip(vectors.numpy()[place : place + length], FIELDS[place : place + length], strict=True):
            total += x / (1 + np.exp(-(weight[field] @ x + bias[field])))
        expected.append(total)
        place += length
    out = part(Ragged(vectors, Rows.from_lengths(LENGTHS, FIELDS)))
    torch.testing.assert_close(out, torch.from_numpy(np.stack(expected)), rtol=0, atol=1e-12)


def test_the_gates_can_be_read() -> None:
    part, vectors = GatedSum(4, num_fields=3), torch.randn(6, 4)
    gates = part.gates(Ragged(vectors, Rows.from_lengths(LENGTHS, FIELDS)))
    assert gates.values.shape == (6,)
    assert ((gates.values > 0) & (gates.values < 1)).all()
    torch.testing.assert_close(gates.values[1], torch.sigmoid(part.weight[2] @ vectors[1]))


def test_no_field_is_refused() -> None:
    with pytest.raises(UserError, match="`num_fields`"):
        GatedSum(4, 0)
