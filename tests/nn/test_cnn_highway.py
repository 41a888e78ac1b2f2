import pytest
import torch
from torch import nn

from seqclf.errors import UserError
from seqclf.nn.cnn_highway import CnnHighwayEncoder
from seqclf.ragged import Ragged, Rows

LENGTHS = [9, 1, 3, 30, 2]
FILTERS, SIZES = (2, 4, 3), (1, 2, 5)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize(
    ("projection_dim", "location"), [(None, "after_cnn"), (3, "after_cnn"), (3, "after_highway"), (9, "after_highway")]
)
@pytest.mark.parametrize("layer_norm", [False, True])
def test_it_is_allennlps_encoder_over_each_row_alone(
    activation: str, projection_dim: int | None, location: str, layer_norm: bool
) -> None:
    encoder = CnnHighwayEncoder(4, FILTERS, SIZES, activation, 2, projection_dim, location, layer_norm).double()
    sequences = Ragged(torch.randn(sum(LENGTHS), 4, dtype=torch.float64), Rows.from_lengths(LENGTHS))
    expected = []
    for row in sequences.values.split(LENGTHS):
        padded = nn.functional.pad(row, (0, 0, 0, max(0, max(SIZES) - len(row)))).T.unsqueeze(0)  # (1, 4, L)
        answers = [
            nn.functional.conv1d(padded, convolution.weight.squeeze(2), convolution.bias).amax(2)[0]
            for convolution in encoder.cnn.convolutions
        ]
        x = getattr(torch, activation)(torch.cat(answers))
        if projection_dim is not None and location == "after_cnn":
            x = encoder.cnn.projection(x)
        for layer in encoder.highway.layers:
            new, gate = layer(x).chunk(2)
            x = gate.sigmoid() * x + (1 - gate.sigmoid()) * new.relu()
        if projection_dim is not None and location == "after_highway":
            x = encoder.projection.weight @ x + encoder.projection.bias
        expected.append(nn.functional.layer_norm(x, x.shape) if layer_norm else x)
    torch.testing.assert_close(encoder(sequences), torch.stack(expected), rtol=0, atol=1e-12)
    assert encoder.output_dim == (projection_dim or sum(FILTERS))


@pytest.mark.parametrize(
    "wrong",
    [{"num_filters": [3]}, {"num_highway": 0}, {"projection_dim": 0}, {"projection_location": "after_al"},
     {"ngram_filter_sizes": []}],
)  # fmt: skip
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        CnnHighwayEncoder(4, **wrong)
