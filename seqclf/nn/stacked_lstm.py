"""Stacks of augmented LSTMs: bidirectional, alternating, or in one direction."""

from collections.abc import Callable, Sequence
from typing import Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout as drop

from seqclf.chunks import Overhead
from seqclf.nn.arguments import choose, positive, probability
from seqclf.nn.augmented_lstm import AugmentedLstm, read_together
from seqclf.nn.pooling import last, maximum, mean
from seqclf.nn.recurrent import flip
from seqclf.nn.seq2seq_encoder import DenseSeq2SeqEncoder
from seqclf.nn.seq2vec_encoder import DenseSeq2VecEncoder

OVERHEAD = Overhead(cells=100, rows=10)  # measured on one core
POOLINGS = {"last": last, "mean": mean, "max": maximum}
# Which layers read backwards: for each direction of a layer, by its depth.
DIRECTIONS: dict[str, Callable[[int], tuple[bool, ...]]] = {
    "forward": lambda depth: (False,),
    "backward": lambda depth: (True,),
    "bidirectional": lambda depth: (False, True),
    "alternating": lambda depth: (depth % 2 == 1,),
}


class StackedLstmSeq2SeqEncoder(DenseSeq2SeqEncoder):
    """Layers of LSTMs with highway connections and variational dropout, the states of the last.

    The stacked bidirectional, the alternating and the augmented LSTM of AllenNLP (Gardner et al. 2018,
    https://arxiv.org/abs/1803.07640), after He et al. (2017, https://aclanthology.org/P17-1044).

    Args:
        input_dim: width of the vectors in.
        hidden_size: width of the state, per direction.
        num_layers: how many layers, one over the other.
        direction: `bidirectional`: each layer reads both ways, and the next one reads both ways' states;
            `alternating`: the first forwards, the second backwards, and so on; `forward` or `backward`: all alike.
        highway: whether what a layer reads goes around it, by a learned gate.
        recurrent_dropout: on each layer's state, the same entries at every step of a row.
        dropout: on what one layer hands to the next, the same entries at every step of a row (Gal & Ghahramani 2016,
            https://arxiv.org/abs/1512.05287).

    Raises:
        UserError: for an argument out of its range.
    """

    chunk_overhead = OVERHEAD
    compiles = False

    def __init__(
        self,
        input_dim: int,
        hidden_size: int = 128,
        num_layers: int = 2,
        direction: Literal["bidirectional", "alternating", "forward", "backward"] = "bidirectional",
        highway: bool = True,
        recurrent_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        positive(num_layers=num_layers)
        probability(dropout=dropout)
        directions_at = choose("direction", direction, DIRECTIONS)
        self.backwards = [directions_at(depth) for depth in range(num_layers)]
        self.input_dim = input_dim
        self.output_dim = hidden_size * len(self.backwards[0])
        self.dropout = dropout
        self.layers = nn.ModuleList(
            nn.ModuleList(AugmentedLstm(width, hidden_size, highway, recurrent_dropout) for _ in backwards)
            for width, backwards in zip([input_dim, *[self.output_dim] * (num_layers - 1)], self.backwards, strict=True)
        )

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`; returns `(S, L, output_dim)`."""
        return self._in_order(self.read(x, lengths), lengths, self.backwards[-1])

    def read(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Read each row of a rectangle `(S, L, input_dim)`.

        Returns:
            `(S, L, output_dim)`, the last layer's directions side by side and each in the order of its reading: so
            that the last states of all stand at `lengths - 1`.
        """
        for depth, (layers, backwards) in enumerate(zip(self.layers, self.backwards, strict=True)):
            if depth > 0:
                x = self._in_order(x, lengths, self.backwards[depth - 1])
                x = x * drop(torch.ones_like(x[:, :1]), self.dropout, self.training)
            turned = [flip(x, lengths) if backward else x for backward in backwards]
            x = read_together(cast("Sequence[AugmentedLstm]", layers), turned)
        return x

    def _in_order(self, states: Tensor, lengths: Tensor, backwards: tuple[bool, ...]) -> Tensor:
        each = zip(states.chunk(len(backwards), dim=2), backwards, strict=True)
        return torch.cat([flip(part, lengths) if backward else part for part, backward in each], dim=2)


class StackedLstmSeq2VecEncoder(DenseSeq2VecEncoder):
    """Read a row with layers of LSTMs with highway connections and variational dropout, and pool the last one's states.

    Args:
        input_dim: width of the vectors in.
        hidden_size: width of the state, per direction.
        num_layers: how many layers, one over the other.
        direction: `bidirectional`: each layer reads both ways, and the next one reads both ways' states;
            `alternating`: the first forwards, the second backwards, and so on; `forward` or `backward`: all alike.
        highway: whether what a layer reads goes around it, by a learned gate.
        recurrent_dropout: on each layer's state, the same entries at every step of a row.
        dropout: on what one layer hands to the next, the same entries at every step of a row (Gal & Ghahramani 2016,
            https://arxiv.org/abs/1512.05287).
        pooling: `last` takes the state that each direction ends with; `mean` and `max` take all states.

    Raises:
        UserError: for an argument out of its range.
    """

    chunk_overhead = OVERHEAD
    compiles = False

    def __init__(
        self,
        input_dim: int,
        hidden_size: int = 128,
        num_layers: int = 2,
        direction: Literal["bidirectional", "alternating", "forward", "backward"] = "bidirectional",
        highway: bool = True,
        recurrent_dropout: float = 0.0,
        dropout: float = 0.0,
        pooling: Literal["last", "mean", "max"] = "max",
    ) -> None:
        super().__init__()
        self.stack = StackedLstmSeq2SeqEncoder(
            input_dim, hidden_size, num_layers, direction, highway, recurrent_dropout, dropout
        )
        self.pool = choose("pooling", pooling, POOLINGS)
        self.input_dim = input_dim
        self.output_dim = self.stack.output_dim

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`; returns `(S, output_dim)`."""
        return self.pool(self.stack.read(x, lengths), lengths)
