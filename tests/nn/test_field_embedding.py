import numpy as np
import torch

from seqclf.nn.field_embedding import FieldEmbedding
from seqclf.ragged import Ragged, Rows


def test_each_field_gets_the_vector_of_its_position() -> None:
    part = FieldEmbedding(4, num_fields=3)
    vectors = torch.randn(4, 4)
    rows = Rows.from_lengths([2, 2], positions=np.array([0, 2, 1, 2]))
    out = part(Ragged(vectors, rows))
    assert out.rows is rows
    torch.testing.assert_close(out.values, vectors + part.embedding.weight[[0, 2, 1, 2]])


def test_fields_without_gaps_are_counted() -> None:
    part = FieldEmbedding(4, num_fields=3)
    out = part(Ragged(torch.zeros(4, 4), Rows.from_lengths([3, 1])))
    torch.testing.assert_close(out.values, part.embedding.weight[[0, 1, 2, 0]])
    assert part.output_dim == 4
