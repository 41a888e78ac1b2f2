"""What a parameter can start with, by AllenNLP's names; the options are those of the functions."""

from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from seqclf.errors import UserError, nearest

WEIGHTS_FILE = "model.safetensors"  # of a model folder


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


def block_orthogonal(tensor: Tensor, split_sizes: Sequence[int] | None = None, gain: float = 1.0) -> None:
    """Orthogonal in each block on its own, as for the gates of an LSTM (Saxe et al. 2014, https://arxiv.org/abs/1312.6120).

    Args:
        tensor: a weight of two dimensions or more.
        split_sizes: the size of a block in each dimension, which it divides; by default the shortest dimension in
            all of them: an LSTM's `(4 * hidden_size, hidden_size)` is four squares.
        gain: what the blocks are multiplied by.

    Raises:
        ValueError: for a tensor of one dimension, and for blocks that do not divide it.
    """
    shape = tuple(tensor.shape)
    sizes = [min(shape)] * len(shape) if split_sizes is None else list(split_sizes)
    if len(shape) < 2:
        raise ValueError("only tensors of 2 or more dimensions have blocks")
    if len(sizes) != len(shape) or any(size < 1 or whole % size for whole, size in zip(shape, sizes, strict=True)):
        raise ValueError(f"blocks of {tuple(sizes)} do not divide it (split_sizes)")
    for start in product(*(range(0, whole, size) for whole, size in zip(shape, sizes, strict=True))):
        block = tensor[tuple(slice(first, first + size) for first, size in zip(start, sizes, strict=True))]
        block.copy_(nn.init.orthogonal_(torch.empty_like(block, memory_format=torch.contiguous_format), gain))


def sparse(tensor: Tensor, sparsity: float, std: float = 0.01) -> None:
    """Most inputs of a unit at zero, the others normal (Martens 2010, https://icml.cc/Conferences/2010/papers/458.pdf).

    Args:
        tensor: a weight `(H, D)`.
        sparsity: the share of each column that is zero.
        std: standard deviation of the others.

    Raises:
        ValueError: for a share that is none, and for a tensor of other than two dimensions.
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"`sparsity` must be between 0 and 1, but is {sparsity}")
    nn.init.sparse_(tensor, sparsity, std)


def pretrained(tensor: Tensor, folder: str, parameter: str) -> None:
    """What a parameter of another, trained model is; nothing of that model is run, and nothing else of it is read.

    The numbers are copied as they are: rows of an embedding are in the order of the other model's vocabulary.

    Args:
        tensor: a parameter.
        folder: a model folder, or a file of safetensors.
        parameter: the name that the parameter has there; by default the same.

    Raises:
        UserError: for a file that cannot be read, and for a parameter that it does not have.
        ValueError: for one of another shape, or that is not of finite numbers.
    """
    path = Path(folder)
    file = path / WEIGHTS_FILE if path.is_dir() else path
    try:
        with safe_open(file, framework="pt") as tensors:
            names = list(tensors.keys())
            if parameter not in names:
                raise UserError(f"initializer: {file} has no parameter {parameter!r}. {nearest(parameter, names)}")
            found = tensors.get_tensor(parameter)
    except (OSError, SafetensorError) as error:
        raise UserError(f"initializer: {file} is no file of weights that can be read: {error}.") from error
    if found.shape != tensor.shape:
        raise ValueError(f"{parameter!r} of {file} has the shape {tuple(found.shape)}")
    if not torch.isfinite(found).all():
        raise ValueError(f"{parameter!r} of {file} holds values that are not finite numbers")
    tensor.copy_(found)


INITIALIZATIONS: dict[str, Callable[..., Any]] = {
    "normal": nn.init.normal_,
    "uniform": nn.init.uniform_,
    "constant": nn.init.constant_,
    "zero": nn.init.zeros_,
    "eye": nn.init.eye_,
    "orthogonal": nn.init.orthogonal_,
    "block_orthogonal": block_orthogonal,
    "sparse": sparse,
    "dirac": nn.init.dirac_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "xavier_normal": nn.init.xavier_normal_,
    "kaiming_uniform": nn.init.kaiming_uniform_,
    "kaiming_normal": nn.init.kaiming_normal_,
    "uniform_unit_scaling": uniform_unit_scaling,
    "lstm_hidden_bias": lstm_hidden_bias,
    "pretrained": pretrained,
}
