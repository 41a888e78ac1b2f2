import pytest
import torch
from torch import nn

from seqclf.errors import UserError
from seqclf.nn.cnn import CnnEncoder
from seqclf.ragged import Ragged, Rows

LENGTHS = [9, 1, 3, 30, 2, 5]
SIZES = (2, 3, 5)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("output_dim", [None, 3])
def test_it_equals_torchs_conv1d_over_each_row_alone(activation: str, output_dim: int | None) -> None:
    encoder = CnnEncoder(4, 6, SIZES, activation, output_dim).double()
    sequences = Ragged(torch.randn(sum(LENGTHS), 4, dtype=torch.float64), Rows.from_lengths(LENGTHS))
    expected = []
    for row in sequences.values.split(LENGTHS):
        padded = nn.functional.pad(row, (0, 0, 0, max(0, max(SIZES) - len(row)))).T.unsqueeze(0)  # (1, 4, L)
        answers = []
        for width, convolution in zip(SIZES, encoder.convolutions, strict=True):
            reference = nn.Conv1d(4, 6, width).double()
            reference.weight.data = convolution.weight.data.squeeze(2)
            reference.bias.data = convolution.bias.data
            answers.append(getattr(torch, activation)(reference(padded)).amax(2)[0])
        expected.append(encoder.projection(torch.cat(answers)))
    torch.testing.assert_close(encoder(sequences), torch.stack(expected), rtol=0, atol=1e-12)


def test_each_width_may_have_a_number_of_filters_of_its_own() -> None:
    encoder = CnnEncoder(4, [2, 3, 4], SIZES)
    assert [convolution.out_channels for convolution in encoder.convolutions] == [2, 3, 4]
    assert encoder(Ragged(torch.randn(3, 4), Rows.from_lengths([2, 1]))).shape == (2, encoder.output_dim) == (2, 9)


def test_negative_answers_are_not_beaten_by_those_of_padding() -> None:
    encoder = CnnEncoder(1, 1, (1,), "tanh").double()
    encoder.convolutions[0].weight.data.fill_(1)
    encoder.convolutions[0].bias.data.zero_()
    sequences = Ragged(torch.tensor([[-1.0], [-1.0], [-2.0], [-3.0]]).double(), Rows.from_lengths([1, 3]))
    torch.testing.assert_close(encoder(sequences), torch.tensor([[-1.0], [-1.0]]).double().tanh())


@pytest.mark.parametrize(
    "wrong",
    [{"num_filters": 0}, {"ngram_filter_sizes": []}, {"ngram_filter_sizes": [0]}, {"output_dim": 0},
     {"conv_layer_activation": "gelu"}, {"num_filters": [3, 4]}, {"num_filters": [3, 0, 4]}],
)  # fmt: skip
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        CnnEncoder(4, **wrong)
