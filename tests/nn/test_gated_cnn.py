import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import nn

from seqclf.errors import UserError
from seqclf.nn.gated_cnn import GatedCnnEncoder
from seqclf.ragged import Ragged, Rows

LENGTHS = [9, 1, 3, 30, 2]
LAYERS = {
    "plain": [[[4, 6]], [[4, 6]]],
    "bottleneck": [[[3, 6]], [[1, 2], [5, 3], [1, 6]]],
    "dilated": [[[2, 6, 1]], [[2, 6, 2]], [[3, 6, 4]]],
}
Array = npt.NDArray[np.float64]


def gated(row: Array, convolution: nn.Conv2d, step: int) -> Array:
    """One gated convolution over one row `(L, D)`: each vector sees those before it (step 1) or after it (step -1)."""
    weight, bias = convolution.weight.detach().numpy()[:, :, 0], convolution.bias.detach().numpy()
    width, dilation, out = weight.shape[2], convolution.dilation[1], []
    for place in range(len(row)):
        answer = bias.copy()
        for tap in range(width):
            # The last weight looking back and the first one looking ahead are the vector's own.
            seen = place - (width - 1 - tap) * dilation if step == 1 else place + tap * dilation
            if 0 <= seen < len(row):
                answer += weight[:, :, tap] @ row[seen]
        half = len(answer) // 2
        out.append(answer[:half] / (1 + np.exp(-answer[half:])))
    return np.stack(out)


@pytest.mark.parametrize("input_dim", [6, 4])
@pytest.mark.parametrize("layers", sorted(LAYERS))
def test_it_is_allennlps_encoder_over_each_row_alone(layers: str, input_dim: int) -> None:
    encoder = GatedCnnEncoder(input_dim, LAYERS[layers]).double()
    sequences = Ragged(torch.randn(sum(LENGTHS), input_dim, dtype=torch.float64), Rows.from_lengths(LENGTHS))
    expected = []
    with torch.no_grad():
        rows = np.split(encoder.projection(sequences.values).numpy(), np.cumsum(LENGTHS)[:-1])
    for row in rows:
        ways = []
        for step, blocks in ((1, encoder.forward_blocks), (-1, encoder.backward_blocks)):
            x = row
            for block in blocks:
                new = x
                for convolution in block:
                    new = gated(new, convolution, step)
                x = (x + new) * np.sqrt(0.5)
            ways.append(x)
        expected.append(np.concatenate(ways, axis=1))
    torch.testing.assert_close(
        encoder(sequences).values, torch.from_numpy(np.concatenate(expected)), rtol=0, atol=1e-12
    )
    assert encoder.output_dim == 12


def test_dropout_is_in_training_alone() -> None:
    encoder = GatedCnnEncoder(6, LAYERS["plain"], dropout=0.5)
    sequences = Ragged(torch.randn(4, 6), Rows.from_lengths([3, 1]))
    assert not torch.equal(encoder.train()(sequences).values, encoder(sequences).values)
    assert torch.equal(encoder.eval()(sequences).values, encoder(sequences).values)


@pytest.mark.parametrize(
    "wrong",
    [{"layers": []}, {"layers": [[]]}, {"layers": [[[4]]]}, {"layers": [[[0, 4]]]}, {"layers": [[[4, 6]], [[4, 5]]]},
     {"dropout": 1.0}],
)  # fmt: skip
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        GatedCnnEncoder(4, **wrong)  # type: ignore[arg-type]
