import torch

from seqclf.nn.pass_through import PassThrough
from seqclf.ragged import Ragged, Rows


def test_vectors_go_on_as_they_are() -> None:
    sequences = Ragged(torch.randn(4, 3), Rows.from_lengths([3, 1]))
    assert PassThrough(3)(sequences) is sequences
    assert PassThrough(3).output_dim == 3
