"""Recurrent encoders (Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014) that need no packed sequences."""

from typing import Literal

import torch
from torch import Tensor, nn

from seqclf.chunks import Overhead
from seqclf.nn.arguments import choose, positive, probability
from seqclf.nn.pooling import last, maximum, mean
from seqclf.nn.seq2seq_encoder import DenseSeq2SeqEncoder
from seqclf.nn.seq2vec_encoder import DenseSeq2VecEncoder

CELLS: dict[str, type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
# Measured on one core: torch has a fused LSTM, but takes the others step by step.
STEP_BY_STEP = Overhead(cells=125, rows=25)
OVERHEADS = {"lstm": Overhead(cells=125, rows=1), "gru": STEP_BY_STEP, "rnn": STEP_BY_STEP}
POOLINGS = {"last": last, "mean": mean, "max": maximum}


class RecurrentSeq2SeqEncoder(DenseSeq2SeqEncoder):
    """The states of a recurrent network, one for each vector that it read.

    Equal to torch's own network over packed rows. The direction that reads backwards reads each row flipped within its
    own length: so padding comes last in both directions, and no real vector ever sees it. Packing would keep torch on
    CPU off its fast kernels: it trains two to three times slower.

    Args:
        input_dim: width of the vectors in.
        cell: `lstm` (Hochreiter & Schmidhuber 1997), `gru` (Cho et al. 2014, https://arxiv.org/abs/1406.1078) or `rnn`
            (Elman 1990), with tanh.
        hidden_size: width of the state, per direction.
        num_layers: how many layers, one over the other.
        bidirectional: whether each layer also reads backwards.
        dropout: on what one layer hands to the next.

    Raises:
        UserError: for an argument out of its range.
    """

    def __init__(
        self,
        input_dim: int,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        positive(hidden_size=hidden_size, num_layers=num_layers)
        probability(dropout=dropout)
        layer = choose("cell", cell, CELLS)
        self.chunk_overhead = OVERHEADS[cell]
        self.input_dim = input_dim
        self.output_dim = hidden_size * (2 if bidirectional else 1)
        widths = [input_dim] + [self.output_dim] * (num_layers - 1)
        backward_widths = widths if bidirectional else []
        self.forward_layers = nn.ModuleList(layer(width, hidden_size, batch_first=True) for width in widths)
        self.backward_layers = nn.ModuleList(layer(width, hidden_size, batch_first=True) for width in backward_widths)
        self.dropout = nn.Dropout(dropout)

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`; returns `(S, L, output_dim)`."""
        return self._unflip(self.read(x, lengths), lengths)

    def read(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Read each row of a rectangle `(S, L, input_dim)`.

        Returns:
            `(S, L, output_dim)`, the directions side by side and each in the order of its reading: so that the last
            states of both stand at `lengths - 1`.
        """
        for depth, layer in enumerate(self.forward_layers):
            if depth > 0:
                x = self.dropout(self._unflip(x, lengths))
            states = layer(x)[0]
            if self.backward_layers:
                states = torch.cat([states, self.backward_layers[depth](flip(x, lengths))[0]], dim=2)
            x = states
        return x

    def _unflip(self, states: Tensor, lengths: Tensor) -> Tensor:
        if not self.backward_layers:
            return states
        ahead, back = states.chunk(2, dim=2)
        return torch.cat([ahead, flip(back, lengths)], dim=2)


class RecurrentSeq2VecEncoder(DenseSeq2VecEncoder):
    """Read a row with a recurrent network and pool its states.

    Args:
        input_dim: width of the vectors in.
        cell: `lstm` (Hochreiter & Schmidhuber 1997), `gru` (Cho et al. 2014, https://arxiv.org/abs/1406.1078) or `rnn`
            (Elman 1990), with tanh.
        hidden_size: width of the state, per direction.
        num_layers: how many layers, one over the other.
        bidirectional: whether each layer also reads backwards.
        dropout: on what one layer hands to the next.
        pooling: `last` takes the last state of each direction; `mean` and `max` take all states.

    Raises:
        UserError: for an argument out of its range.
    """

    def __init__(
        self,
        input_dim: int,
        cell: Literal["lstm", "gru", "rnn"] = "lstm",
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        pooling: Literal["last", "mean", "max"] = "max",
    ) -> None:
        super().__init__()
        self.recurrence = RecurrentSeq2SeqEncoder(input_dim, cell, hidden_size, num_layers, bidirectional, dropout)
        self.pool = choose("pooling", pooling, POOLINGS)
        self.chunk_overhead = self.recurrence.chunk_overhead
        self.input_dim = input_dim
        self.output_dim = self.recurrence.output_dim

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        """Encode a rectangle `(S, L, input_dim)`; returns `(S, output_dim)`."""
        return self.pool(self.recurrence.read(x, lengths), lengths)


def flip(x: Tensor, lengths: Tensor) -> Tensor:
    """Turn each row of `x` `(S, L, D)` around within its own length; the padding stays where it is."""
    size, longest = x.shape[:2]
    place = torch.arange(longest, device=x.device)
    mirrored = lengths.unsqueeze(1) - 1 - place
    mirrored = torch.where(mirrored >= 0, mirrored, place)  # (S, L)
    cells = mirrored + torch.arange(size, device=x.device).unsqueeze(1) * longest
    return x.flatten(0, 1).index_select(0, cells.flatten()).view(x.shape)
