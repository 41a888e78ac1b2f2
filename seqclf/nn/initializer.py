"""How parameters start, chosen by regular expressions over their names."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from seqclf.errors import UserError
from seqclf.nn.name_patterns import assign
from seqclf.nn.named_function import read_function


def lstm_hidden_bias(tensor: Tensor, val: float = 1.0) -> None:
    """Open an LSTM's forget gate at the start (Jozefowicz et al. 2015, https://proceedings.mlr.press/v37/jozefowicz15).

    Args:
        tensor: one of the two biases, `(4 * hidden_size,)`: the input, forget, cell and output gates in turn.
        val: the forget gate's bias; the others are zero.

    Raises:
        ValueError: for a tensor of another shape.
    """
    if tensor.dim() != 1 or len(tensor) % 4 != 0:
        raise ValueError("it is not the bias of four gates")
    hidden_size = len(tensor) // 4
    nn.init.zeros_(tensor)
    nn.init.constant_(tensor[hidden_size : 2 * hidden_size], val)


def uniform_unit_scaling(tensor: Tensor, nonlinearity: str = "linear") -> None:
    """Keep the size of what flows through (Sussillo & Abbott 2014, https://arxiv.org/abs/1412.6558).

    Args:
        tensor: a weight of two dimensions or more.
        nonlinearity: what follows the layer, in torch's names.
    """
    nn.init.kaiming_uniform_(tensor, nonlinearity=nonlinearity)  # type: ignore[arg-type]


# AllenNLP's names; the options are those of the functions.
INITIALIZATIONS: dict[str, Callable[..., Any]] = {
    "normal": nn.init.normal_,
    "uniform": nn.init.uniform_,
    "constant": nn.init.constant_,
    "zero": nn.init.zeros_,
    "orthogonal": nn.init.orthogonal_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "kaiming_normal": nn.init.kaiming_normal_,
    "uniform_unit_scaling": uniform_unit_scaling,
    "lstm_hidden_bias": lstm_hidden_bias,
}


class Initializer:
    """Gives parameters their first values; those that no expression fits keep the ones they have.

    Args:
        patterns: regular expression to what the parameters start with in whose names it is found: a name out of
            `INITIALIZATIONS`, or `{name: normal, std: 0.1}`. The first that is found counts.

    Raises:
        UserError: for a name or an option that there is not.
    """

    def __init__(self, patterns: dict[str, str | dict[str, Any]] | None = None) -> None:
        self.patterns = {
            pattern: read_function(spec, INITIALIZATIONS, f"initializer.patterns.{pattern}")
            for pattern, spec in (patterns or {}).items()
        }

    @torch.no_grad()
    def __call__(self, module: nn.Module) -> None:
        """Initialise the parameters of a module.

        Raises:
            UserError: for an expression that fits no parameter, or one that fits a parameter of the wrong shape.
        """
        parameters = dict(module.named_parameters())
        for name, pattern in assign(self.patterns, parameters, "initializer.patterns").items():
            try:
                self.patterns[pattern](parameters[name])
            except (TypeError, ValueError, RuntimeError) as error:
                raise UserError(
                    f"`initializer.patterns.{pattern}` cannot initialise {name!r} of shape "
                    f"{tuple(parameters[name].shape)}: {error}."
                ) from error
