import pytest
import torch
from torch import Tensor, nn

from seqclf.errors import UserError
from seqclf.nn.deep_cnn import DeepCnnEncoder
from seqclf.ragged import Ragged, Rows

LENGTHS = [150, 1, 123, 124, 400, 7, 200]


def paper(encoder: DeepCnnEncoder, whole: bool) -> nn.Sequential:
    """The layers as the paper lists them, of torch's own over one row `(1, D, L)`."""
    layers: list[nn.Module] = []
    for place, convolution in enumerate(encoder.convolutions):
        assert isinstance(convolution, nn.Conv2d)
        plain = nn.Conv1d(convolution.in_channels, convolution.out_channels, convolution.kernel_size[1]).double()
        plain.weight.data = convolution.weight.data.squeeze(2)
        assert plain.bias is not None
        assert convolution.bias is not None
        plain.bias.data = convolution.bias.data
        layers += [plain, nn.ReLU(), *([nn.MaxPool1d(3)] if place in (0, 1, 5) else [])]
    return nn.Sequential(*layers, *([] if whole else [nn.AdaptiveMaxPool1d(1)]))


def rows_of(lengths: list[int]) -> Ragged:
    return Ragged(torch.randn(sum(lengths), 4, dtype=torch.float64), Rows.from_lengths(lengths))


def filled_to(row: Tensor, length: int) -> Tensor:
    """A row `(L, D)` with zeros behind it, as `(1, D, at least length)`."""
    missing = max(0, length - len(row))
    return torch.cat([row, torch.zeros(missing, row.shape[1], dtype=row.dtype)]).T.unsqueeze(0)


@pytest.mark.parametrize(("length", "frames"), [(1014, 34), (123, 1)])
def test_of_a_fixed_length_it_is_the_network_of_the_paper(length: int, frames: int) -> None:
    encoder = DeepCnnEncoder(4, 3, length=length).double()
    reference, sequences = paper(encoder, whole=True), rows_of([*LENGTHS, 1500])
    expected = [
        reference(filled_to(row, length)[:, :, :length]).transpose(1, 2).flatten()
        for row in sequences.values.split([*LENGTHS, 1500])
    ]
    assert encoder.output_dim == 3 * frames  # (length - 96) / 27 in the paper
    torch.testing.assert_close(encoder(sequences), torch.stack(expected), rtol=0, atol=1e-12)


def test_of_any_length_it_takes_the_largest_of_what_is_left_of_each_row_alone() -> None:
    encoder = DeepCnnEncoder(4, 3).double()
    reference, sequences = paper(encoder, whole=False), rows_of(LENGTHS)
    expected = [reference(filled_to(row, 123)).flatten() for row in sequences.values.split(LENGTHS)]
    torch.testing.assert_close(encoder(sequences), torch.stack(expected), rtol=0, atol=1e-12)


def test_rows_beside_longer_ones_keep_their_numbers_at_a_fixed_length() -> None:
    encoder, sequences = DeepCnnEncoder(4, 3, [3, 2], [2, 1], length=9).double(), rows_of([2, 9, 30])
    alone = [encoder(Ragged(row, Rows.from_lengths([len(row)]))) for row in sequences.values.split([2, 9, 30])]
    torch.testing.assert_close(encoder(sequences), torch.cat(alone), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_filters": 0},
        {"ngram_filter_sizes": [3, 0]},
        {"pool_sizes": [0] * 6},
        {"pool_sizes": [3]},
        {"length": 122},
    ],
)
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        DeepCnnEncoder(4, **wrong)
