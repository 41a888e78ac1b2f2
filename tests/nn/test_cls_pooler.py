import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.cls_pooler import ClsPooler
from seqclf.ragged import Ragged, Rows


@pytest.mark.parametrize(("place", "index"), [("first", 0), ("last", -1)])
def test_it_is_one_end_of_each_row(place: str, index: int) -> None:
    vectors = torch.randn(9, 4)
    out = ClsPooler(4, place)(Ragged(vectors, Rows.from_lengths([3, 1, 5])))
    torch.testing.assert_close(out, torch.stack([row[index] for row in vectors.split([3, 1, 5])]), rtol=0, atol=0)


def test_another_place_is_refused() -> None:
    with pytest.raises(UserError, match="Did you mean 'first'"):
        ClsPooler(4, "frist")
