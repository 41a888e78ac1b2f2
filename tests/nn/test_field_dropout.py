import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from seqclf.errors import UserError
from seqclf.nn.concat import Concat
from seqclf.nn.field_dropout import FieldDropout
from seqclf.ragged import Ragged, Rows


def drawn(lengths: list[int], num_fields: int = 6) -> Ragged:
    """Records of fields, each vector holding its record and its field."""
    generator = np.random.default_rng(len(lengths))
    positions = np.concatenate([np.sort(generator.permutation(num_fields)[:length]) for length in lengths])
    records = np.repeat(np.arange(len(lengths)), lengths)
    return Ragged(torch.from_numpy(np.stack([records, positions], axis=1)), Rows.from_lengths(lengths, positions))


@given(lengths=st.lists(st.integers(1, 6), min_size=1, max_size=8), dropout=st.floats(0.01, 0.99))
def test_what_stays_keeps_its_record_its_field_and_its_order(lengths: list[int], dropout: float) -> None:
    fields = drawn(lengths)
    out = FieldDropout(2, dropout).train()(fields)
    assert len(out) == len(lengths)
    assert out.rows.positions is not None
    assert out.values[:, 0].tolist() == np.repeat(np.arange(len(lengths)), out.rows.lengths).tolist()
    assert out.values[:, 1].tolist() == out.rows.positions.tolist()
    assert all((np.diff(part) > 0).all() for part in np.split(out.rows.positions, out.rows.offsets[1:-1]))
    assert set(map(tuple, out.values.tolist())) <= set(map(tuple, fields.values.tolist()))


def test_each_field_is_left_out_as_often_as_asked_and_the_last_one_never() -> None:
    fields = Ragged(torch.zeros(4 * 20_000, 1), Rows.from_lengths([4] * 20_000))
    lengths = FieldDropout(1, 0.5).train()(fields).rows.lengths
    # Of four fields, 0 to 4 stay as in a binomial distribution; where none would, one does.
    share = np.bincount(lengths, minlength=5) / len(lengths)
    np.testing.assert_allclose(share, [0, (4 + 1) / 16, 6 / 16, 4 / 16, 1 / 16], atol=0.015)


def test_the_field_that_stays_may_be_any() -> None:
    out = FieldDropout(1, 0.999).train()(Ragged(torch.zeros(9_000, 1), Rows.from_lengths([3] * 3_000)))
    assert out.rows.positions is not None
    np.testing.assert_allclose(np.bincount(out.rows.positions) / len(out.values), [1 / 3] * 3, atol=0.03)


def test_nothing_is_left_out_but_in_training() -> None:
    fields = drawn([3, 1, 5])
    assert FieldDropout(2, 0.9).eval()(fields) is fields
    assert FieldDropout(2, 0.0).train()(fields) is fields


def test_a_field_left_out_is_missing_as_any_other() -> None:
    part, concat = FieldDropout(2, 0.5).train(), Concat(2, 6)
    torch.nn.init.ones_(concat.missing)
    fields = drawn([6, 6, 6])
    out = part(fields.with_values(fields.values.float()))
    slots = concat(out).view(3, 6, 2)
    assert out.rows.positions is not None
    for record, kept in enumerate(np.split(out.rows.positions, out.rows.offsets[1:-1])):
        for field in range(6):
            expected = [record, field] if field in kept else [1, 1]
            assert slots[record, field].tolist() == expected


def test_a_seed_decides() -> None:
    part, fields = FieldDropout(2, 0.5).train(), drawn([6, 4, 5])
    torch.manual_seed(1)
    first = part(fields).values
    torch.manual_seed(1)
    assert torch.equal(part(fields).values, first)


def test_a_dropout_out_of_range_is_refused() -> None:
    with pytest.raises(UserError, match="`field_dropout`"):
        FieldDropout(2, 1.0)
