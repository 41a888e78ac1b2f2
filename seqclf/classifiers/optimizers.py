"""Optimisers as a configuration names them: settings first, called with named parameters when these are known.

`functools.partial(torch.optim.RMSprop, lr=0.01)` can stand in the place of any of them. Weight decay acts on matrices
that are no table of embeddings, and on whatever else a group of `groups` gives it to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import nn
from torch.optim import Optimizer

from seqclf.classifiers.parameter_groups import ParameterGroups
from seqclf.classifiers.sparse_rows import SparseRowsAdagrad, SparseRowsAdam
from seqclf.errors import UserError
from seqclf.nn.arguments import probability

NamedParameters = Iterable[tuple[str, nn.Parameter]]
TABLE = "text_field_embedder.token_embedders.tokens.embedding.weight"  # the table of the words, in every classifier


class Adam:
    """Adam (Kingma and Ba 2015, https://arxiv.org/abs/1412.6980); lazy on the rows of sparse tables.

    Args:
        lr: rate.
        betas: how much of the running means of the gradient and of its square is kept.
        eps: added to the root of the latter.
        weight_decay: added to the gradient, times the weight: an L2 penalty.
        groups: regular expression over parameter names to settings of their own (`lr`, `eps`, `weight_decay`); the
            first that is found in a name holds.
        no_decay: regular expressions over the names of matrices without weight decay.
        discriminative: each part's rate is that of the part above it, divided by this (Howard and Ruder 2018).

    Raises:
        UserError: for a setting that is out of bounds, and for a group that sets what there is not.
    """

    decoupled = False

    def __init__(
        self,
        lr: float = 0.001,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        groups: dict[str, dict[str, float]] | None = None,
        no_decay: Sequence[str] = ("embeddings?\\.weight$",),
        discriminative: float = 1.0,
    ) -> None:
        if len(betas) != 2:
            raise UserError(f"optimizer.betas must be two numbers, but are {list(betas)}.")
        probability(**{"optimizer.betas[0]": betas[0], "optimizer.betas[1]": betas[1]})
        self.betas = (float(betas[0]), float(betas[1]))
        self.groups = ParameterGroups(
            {"lr": lr, "eps": eps, "weight_decay": weight_decay}, groups, no_decay, discriminative
        )

    @property
    def supports_sparse(self) -> bool:
        """Whether the table of the words may have sparse gradients: only without decay."""
        return self.groups.settings_of(TABLE, 2)["weight_decay"] == 0

    def __call__(self, named_parameters: NamedParameters) -> Optimizer:
        """Make the optimiser of these parameters.

        Raises:
            UserError: for a group whose pattern matches none of them.
        """
        groups = self.groups(named_parameters)
        return SparseRowsAdam(groups, self.betas, decoupled_weight_decay=self.decoupled, **self.groups.settings)


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101).

    Args:
        lr: rate.
        betas: how much of the running means of the gradient and of its square is kept.
        eps: added to the root of the latter.
        weight_decay: each step takes `lr * weight_decay` of a weight away.
        groups: regular expression over parameter names to settings of their own (`lr`, `eps`, `weight_decay`); the
            first that is found in a name holds.
        no_decay: regular expressions over the names of matrices without weight decay.
        discriminative: each part's rate is that of the part above it, divided by this (Howard and Ruder 2018).

    Raises:
        UserError: for a setting that is out of bounds, and for a group that sets what there is not.
    """

    decoupled = True

    def __init__(
        self,
        lr: float = 0.001,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        groups: dict[str, dict[str, float]] | None = None,
        no_decay: Sequence[str] = ("embeddings?\\.weight$",),
        discriminative: float = 1.0,
    ) -> None:
        super().__init__(lr, betas, eps, weight_decay, groups, no_decay, discriminative)


class Adagrad:
    """Adagrad (Duchi et al. 2011, https://jmlr.org/papers/v12/duchi11a.html), also on the rows of sparse tables.

    Args:
        lr: rate.
        lr_decay: the rate of step `t` is `lr / (1 + t * lr_decay)`.
        eps: added to the root of the summed squares.
        initial_accumulator_value: what the sums of squares begin with.
        weight_decay: added to the gradient, times the weight: an L2 penalty.
        groups: regular expression over parameter names to settings of their own (`lr`, `lr_decay`, `eps`,
            `weight_decay`); the first that is found in a name holds.
        no_decay: regular expressions over the names of matrices without weight decay.
        discriminative: each part's rate is that of the part above it, divided by this (Howard and Ruder 2018).

    Raises:
        UserError: for a setting that is out of bounds, and for a group that sets what there is not.
    """

    def __init__(
        self,
        lr: float = 0.1,
        lr_decay: float = 0.0,
        eps: float = 1e-10,
        initial_accumulator_value: float = 0.0,
        weight_decay: float = 0.0,
        groups: dict[str, dict[str, float]] | None = None,
        no_decay: Sequence[str] = ("embeddings?\\.weight$",),
        discriminative: float = 1.0,
    ) -> None:
        if initial_accumulator_value < 0:
            raise UserError(f"optimizer.initial_accumulator_value must be at least 0, not {initial_accumulator_value}.")
        self.initial = initial_accumulator_value
        settings = {"lr": lr, "lr_decay": lr_decay, "eps": eps, "weight_decay": weight_decay}
        self.groups = ParameterGroups(settings, groups, no_decay, discriminative)

    @property
    def supports_sparse(self) -> bool:
        """Whether the table of the words may have sparse gradients: only without decay."""
        return self.groups.settings_of(TABLE, 2)["weight_decay"] == 0

    def __call__(self, named_parameters: NamedParameters) -> Optimizer:
        """Make the optimiser of these parameters.

        Raises:
            UserError: for a group whose pattern matches none of them.
        """
        groups = self.groups(named_parameters)
        return SparseRowsAdagrad(groups, initial_accumulator_value=self.initial, **self.groups.settings)


class SGD:
    """Stochastic gradient descent, with momentum (Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html).

    Args:
        lr: rate.
        momentum: how much of the last step is added to the next.
        nesterov: Nesterov's momentum.
        weight_decay: added to the gradient, times the weight: an L2 penalty.
        groups: regular expression over parameter names to settings of their own (`lr`, `momentum`, `weight_decay`);
            the first that is found in a name holds.
        no_decay: regular expressions over the names of matrices without weight decay.
        discriminative: each part's rate is that of the part above it, divided by this (Howard and Ruder 2018).

    Raises:
        UserError: for a setting that is out of bounds, and for a group that sets what there is not.
    """

    def __init__(
        self,
        lr: float = 0.1,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
        groups: dict[str, dict[str, float]] | None = None,
        no_decay: Sequence[str] = ("embeddings?\\.weight$",),
        discriminative: float = 1.0,
    ) -> None:
        if nesterov and momentum <= 0:
            raise UserError("optimizer.nesterov=true needs an optimizer.momentum above 0.")
        self.lr, self.momentum, self.nesterov, self.weight_decay = lr, momentum, nesterov, weight_decay
        settings = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
        self.groups = ParameterGroups(settings, groups, no_decay, discriminative)

    @property
    def supports_sparse(self) -> bool:
        """Whether the table of the words may have sparse gradients: only without decay and momentum."""
        own = self.groups.settings_of(TABLE, 2)
        return own["weight_decay"] == 0 and own["momentum"] == 0

    def __call__(self, named_parameters: NamedParameters) -> Optimizer:
        """Make the optimiser of these parameters.

        Raises:
            UserError: for a group whose pattern matches none of them.
        """
        groups = self.groups(named_parameters)
        return torch.optim.SGD(groups, self.lr, self.momentum, weight_decay=self.weight_decay, nesterov=self.nesterov)
