"""The layers of a pretrained model: which of them are trained, with which rate, and from where."""

from __future__ import annotations

from typing import Any

from torch import nn

from seqclf.errors import UserError


class Layers:
    """The layers of a model of transformers, from the bottom up; below the first are its embeddings.

    Args:
        backbone: the model.

    Raises:
        UserError: for a model whose layers are not one list.
    """

    def __init__(self, backbone: nn.Module) -> None:
        config: Any = backbone.config
        number = int(config.num_hidden_layers)
        lists = {name: module for name, module in backbone.named_modules() if isinstance(module, nn.ModuleList)}
        self._backbone = backbone
        self._number = number
        self.path = next((name for name, module in lists.items() if len(module) == number), "")
        if not self.path:
            raise UserError(f"the {number} layers of {type(backbone).__name__} are not one list: not known here.")

    def __len__(self) -> int:
        """How many layers there are."""
        return self._number

    def check(self, **arguments: int) -> None:
        """Refuse a number of layers that there are not.

        Raises:
            UserError: naming the argument.
        """
        for name, value in arguments.items():
            if not 0 <= value <= len(self):
                raise UserError(f"`{name}` must be from 0 to the model's {len(self)} layers, but is {value}.")

    def depth(self, name: str) -> int:
        """How many layers lie above that of a parameter; the embeddings are below all, what follows the layers above.

        Args:
            name: of the parameter, as the model calls it.
        """
        if name.startswith(f"{self.path}."):
            return len(self) - 1 - int(name.removeprefix(f"{self.path}.").partition(".")[0])
        return 0 if name in self._behind() else len(self)

    def freeze(self, number: int) -> None:
        """Keep the embeddings and this many layers from the bottom as they are; 0: none, one more than all: all."""
        if number > 0:
            for name, parameter in self._backbone.named_parameters():
                parameter.requires_grad_(self.depth(name) < len(self) - number)

    def start_fresh(self, other: nn.Module, number: int) -> None:
        """Take the top layers, and what follows them, from a model of fresh weights.

        Args:
            other: a model of the same configuration.
            number: how many layers.
        """
        fresh = other.state_dict()
        kept = self._backbone.state_dict()
        parameters = dict(self._backbone.named_parameters())
        self._backbone.load_state_dict(
            {name: fresh[name] if name in parameters and self.depth(name) < number else kept[name] for name in kept}
        )

    def rates(self, prefix: str, lr: float, decay: float) -> dict[str, dict[str, float]]:
        """Groups of an optimiser: each layer's rate is that of the layer above it times the decay.

        Args:
            prefix: what the names of the model's parameters begin with.
            lr: the rate of the top layer.
            decay: between 0 and 1.

        Returns:
            Pattern of names to settings, for the parameters that are trained.
        """
        trained = [name for name, parameter in self._backbone.named_parameters() if parameter.requires_grad]
        depths = {self._group(name): self.depth(name) for name in trained}
        return {
            "^" + f"{prefix}.{start}.".replace(".", r"\."): {"lr": lr * decay**depth} for start, depth in depths.items()
        }

    def _group(self, name: str) -> str:
        """The layer of a parameter, or else the module that holds it: each has one rate."""
        if not self._inside(name):
            return name.rpartition(".")[0]
        return f"{self.path}.{name.removeprefix(f'{self.path}.').partition('.')[0]}"

    def _inside(self, name: str) -> bool:
        return name.startswith(f"{self.path}.")

    def _behind(self) -> set[str]:
        """The parameters that follow the layers: a last normalisation."""
        names = [name for name, _ in self._backbone.named_parameters()]
        last = max(place for place, name in enumerate(names) if self._inside(name))
        return set(names[last + 1 :])
