"""An LSTM with highway connections and dropout of its state, step by step."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

from seqclf.nn.arguments import positive, probability
from seqclf.nn.scanned import scan


class AugmentedLstm(nn.Module):
    """One layer in one direction: an LSTM whose output is mixed with what it reads (Zhang et al. 2016).

    Highway long short-term memory RNNs (https://arxiv.org/abs/1510.08983), in the form of He et al. (2017,
    https://aclanthology.org/P17-1044) and of AllenNLP: `r * h + (1 - r) * W x`, with a learned gate `r`. The forget
    gates start open, with a bias of 1.

    Args:
        input_dim: width of the vectors in, `D`.
        hidden_size: width of the state, `H`.
        highway: whether the state is mixed with the vector that was read.
        recurrent_dropout: share of the state that is left out at every step of a row in training, the same entries at
            each (Gal & Ghahramani 2016, https://arxiv.org/abs/1512.05287).

    Raises:
        UserError: for an argument out of its range.
    """

    def __init__(self, input_dim: int, hidden_size: int, highway: bool, recurrent_dropout: float) -> None:
        super().__init__()
        positive(hidden_size=hidden_size)
        probability(recurrent_dropout=recurrent_dropout)
        self.gates = 5 if highway else 4  # input, forget, memory, output, highway
        self.recurrent_dropout = recurrent_dropout
        self.input = nn.Linear(input_dim, (6 if highway else 4) * hidden_size, bias=False)
        self.state = nn.Linear(hidden_size, self.gates * hidden_size)
        for linear in (self.input, self.state):
            for block in linear.weight.data.view(-1, hidden_size, linear.in_features):
                nn.init.orthogonal_(block)
        nn.init.zeros_(self.state.bias)
        nn.init.ones_(self.state.bias[hidden_size : 2 * hidden_size])


def read_together(layers: Sequence[AugmentedLstm], rows: Sequence[Tensor]) -> Tensor:
    """Let layers of one kind read side by side, each its own rectangle: half as many steps for two directions.

    Args:
        layers: of one width and one setting.
        rows: a rectangle `(S, L, D)` for each layer; padding comes last.

    Returns:
        The states of all layers, side by side, `(S, L, layers * H)`.
    """
    kind = layers[0]
    size = kind.gates * kind.state.in_features
    read = torch.stack([layer.input(x) for layer, x in zip(layers, rows, strict=True)])  # (layers, S, L, 4 or 6 H)
    bias = torch.stack([layer.state.bias for layer in layers])
    weight = torch.stack([layer.state.weight for layer in layers]).transpose(1, 2)  # (layers, H, gates * H)
    if torch.compiler.is_exporting():  # a graph of free length
        return _scanned(read[..., :size] + bias[:, None, None], read[..., size:], weight, kind.gates)
    gates = (read[..., :size] + bias[:, None, None]).unbind(2)
    carried = read[..., size:].unbind(2)
    memory = hidden = read.new_zeros(len(layers), read.shape[1], kind.state.in_features)
    mask = dropout(torch.ones_like(hidden), kind.recurrent_dropout, kind.training)
    states = []
    for step, bypass in zip(gates, carried, strict=True):
        let_in, keep, new, let_out, *highway = torch.baddbmm(step, hidden * mask, weight).chunk(kind.gates, dim=2)
        memory = let_in.sigmoid() * new.tanh() + keep.sigmoid() * memory
        hidden = let_out.sigmoid() * memory.tanh()
        if highway:
            hidden = torch.lerp(bypass, hidden, highway[0].sigmoid())
        states.append(hidden)
    return torch.cat(torch.stack(states, dim=2).unbind(0), dim=2)


def _scanned(gates: Tensor, carried: Tensor, weight: Tensor, parts: int) -> Tensor:
    """The same as a scan: gates `(layers, S, L, parts * H)`, what goes around `(layers, S, L, H)` or nothing."""

    def step(carry: tuple[Tensor, ...], x: tuple[Tensor, ...], constants: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden, memory = carry
        let_in, keep, new, let_out, *highway = torch.baddbmm(x[0], hidden, constants[0]).chunk(parts, dim=2)
        memory = let_in.sigmoid() * new.tanh() + keep.sigmoid() * memory
        hidden = let_out.sigmoid() * memory.tanh()
        return torch.lerp(x[1], hidden, highway[0].sigmoid()) if highway else hidden, memory

    start = gates.new_zeros(gates.shape[0], gates.shape[1], weight.shape[1])
    read = (gates.movedim(2, 0), carried.movedim(2, 0) if parts == 5 else gates.movedim(2, 0))
    states = scan(step, (start, start.clone()), read, (weight,))  # (layers, L, S, H)
    return torch.cat(states.transpose(1, 2).unbind(0), dim=2)
