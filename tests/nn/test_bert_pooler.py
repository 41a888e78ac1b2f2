import numpy as np
import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.bert_pooler import BertPooler
from seqclf.ragged import Ragged, Rows


def test_it_is_tanh_of_a_linear_layer_over_the_first_vector() -> None:
    pooler = BertPooler(4, dropout=0.5).double()
    vectors = torch.randn(9, 4, dtype=torch.float64)
    weight, bias = pooler.projection.weight.detach().numpy(), pooler.projection.bias.detach().numpy()
    expected = np.stack([np.tanh(weight @ row[0] + bias) for row in np.split(vectors.numpy(), [3, 4])])
    sequences = Ragged(vectors, Rows.from_lengths([3, 1, 5]))
    torch.testing.assert_close(pooler.eval()(sequences), torch.from_numpy(expected), rtol=0, atol=1e-12)
    assert not torch.equal(pooler.train()(sequences), pooler(sequences))


def test_a_dropout_out_of_range_is_refused() -> None:
    with pytest.raises(UserError, match="`dropout`"):
        BertPooler(4, dropout=1.0)
