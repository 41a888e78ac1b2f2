import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.variational_dropout import VariationalDropout
from seqclf.ragged import Ragged, Rows


def ones(lengths: list[int], width: int = 400) -> Ragged:
    rows = Rows.from_lengths(lengths)
    return Ragged(torch.ones(rows.num_values, width), rows)


def test_every_row_has_one_mask_over_all_its_vectors_and_another_than_other_rows() -> None:
    torch.manual_seed(0)
    sequences = ones([3, 1, 5, 2])
    out = VariationalDropout(400, dropout=0.25).train()(sequences)
    masks = []
    for vectors in out.values.split(sequences.rows.lengths.tolist()):
        assert (vectors == vectors[0]).all()
        masks.append(vectors[0])
    for place, mask in enumerate(masks):
        assert mask.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
        assert (mask == 0).float().mean().item() == pytest.approx(0.25, abs=0.08)
        assert all(not torch.equal(mask, other) for other in masks[:place])


def test_the_mean_is_kept() -> None:
    torch.manual_seed(0)
    out = VariationalDropout(50, dropout=0.6).train()(ones([1] * 2000, 50))
    assert out.values.mean().item() == pytest.approx(1.0, abs=0.02)


def test_outside_of_training_and_without_a_share_nothing_happens() -> None:
    sequences = ones([3, 1])
    assert VariationalDropout(400, dropout=0.5).eval()(sequences) is sequences
    assert VariationalDropout(400, dropout=0.0).train()(sequences) is sequences


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_the_share_is_a_share(dropout: float) -> None:
    with pytest.raises(UserError, match="dropout"):
        VariationalDropout(4, dropout)
