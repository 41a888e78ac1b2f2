"""How the rate goes over a training: settings first, called with the optimiser when the number of steps is known.

Each gives a Lightning scheduler configuration. The state of a schedule holds none of its settings, so that a training
which goes on with more epochs follows their schedule.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate

from seqclf.classifiers.schedule import Curve, Schedule
from seqclf.errors import UserError
from seqclf.nn.arguments import positive, probability


class Constant(Curve):
    """The same rate throughout, after the warm-up."""

    def share(self, progress: float) -> float:
        """All of it."""
        return 1.0


class Linear(Curve):
    """A straight line down, after the warm-up (as in Devlin et al. 2019, https://arxiv.org/abs/1810.04805).

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps.
        final: the share of the rate that is left at the end.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, warmup: float = 0.0, final: float = 0.0) -> None:
        super().__init__(warmup)
        probability(final=final)
        self.final = final

    def share(self, progress: float) -> float:
        """In proportion to what is left."""
        return 1.0 - (1.0 - self.final) * progress


class Cosine(Curve):
    """Half a cosine down, after the warm-up (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983).

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps.
        final: the share of the rate that is left at the end.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, warmup: float = 0.0, final: float = 0.0) -> None:
        super().__init__(warmup)
        probability(final=final)
        self.final = final

    def share(self, progress: float) -> float:
        """Slowly at first and at last."""
        return self.final + (1.0 - self.final) * (1.0 + math.cos(math.pi * progress)) / 2.0


class CosineRestarts(Curve):
    """Half a cosine down, again and again (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983).

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps.
        cycles: how often it falls.
        growth: how many times as long as the fall before it each takes.
        final: the share of the rate that is left at the end of each.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, warmup: float = 0.0, cycles: int = 4, growth: float = 1.0, final: float = 0.0) -> None:
        super().__init__(warmup)
        positive(cycles=cycles)
        probability(final=final)
        if not 1 <= growth < math.inf:
            raise UserError(f"scheduler.growth must be at least 1, but is {growth}.")
        ends = list(accumulate(growth**cycle for cycle in range(cycles)))
        self.ends = [end / ends[-1] for end in ends]
        self.final = final

    def share(self, progress: float) -> float:
        """That of the place in the cycle that the progress falls into; the last cycle ends with the training."""
        cycle = min(bisect_right(self.ends, progress + 1e-9), len(self.ends) - 1)
        start = self.ends[cycle - 1] if cycle > 0 else 0.0
        place = max((progress - start) / (self.ends[cycle] - start), 0.0)
        return self.final + (1.0 - self.final) * (1.0 + math.cos(math.pi * place)) / 2.0


class Polynomial(Curve):
    """What is left of the steps, to a power (as in Chen et al. 2018, https://arxiv.org/abs/1606.00915).

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps.
        power: 1 is a straight line; above it the rate falls quickly at first.
        final: the share of the rate that is left at the end.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, warmup: float = 0.0, power: float = 2.0, final: float = 0.0) -> None:
        super().__init__(warmup)
        probability(final=final)
        if not 0 < power < math.inf:
            raise UserError(f"scheduler.power must be above 0, but is {power}.")
        self.power = power
        self.final = final

    def share(self, progress: float) -> float:
        """A power of what is left."""
        return float(self.final + (1.0 - self.final) * (1.0 - progress) ** self.power)


class Noam(Schedule):
    """Up in a straight line, then down as one over the root of the steps (Vaswani et al. 2017, section 5.3).

    The formula of https://arxiv.org/abs/1706.03762, `min(step ** -0.5, step * peak ** -1.5)`, scaled so that the rate
    of the optimiser is its highest; the step with that rate is the one after the warm-up.

    Args:
        warmup: how long the rate rises: below 1 a share of all steps, from 1 on a number of steps.

    Raises:
        UserError: for a negative warm-up.
    """

    def __init__(self, warmup: float = 0.1) -> None:
        super().__init__(warmup)

    def factor(self, step: int, total: int) -> float:
        """The factor of the rate in a step, counted from 0."""
        peak = self.warmup_steps(total) + 1
        return min((step + 1) / peak, math.sqrt(peak / (step + 1)))


class SlantedTriangular(Schedule):
    """A short rise and a long fall, both straight (Howard and Ruder 2018, https://arxiv.org/abs/1801.06146).

    Args:
        cut_frac: the share of all steps in which the rate rises.
        ratio: how many times smaller the rate is at both ends.

    Raises:
        UserError: for a setting that is out of bounds.
    """

    def __init__(self, cut_frac: float = 0.1, ratio: float = 32.0) -> None:
        super().__init__()
        probability(cut_frac=cut_frac)
        if not 1 <= ratio < math.inf:
            raise UserError(f"scheduler.ratio must be at least 1, but is {ratio}.")
        self.cut_frac = cut_frac
        self.ratio = ratio

    def factor(self, step: int, total: int) -> float:
        """The factor of the rate in a step, counted from 0."""
        cut = int(total * self.cut_frac)
        share = step / cut if step < cut else 1.0 - min((step - cut) / (total - cut), 1.0)
        return (1.0 + share * (self.ratio - 1.0)) / self.ratio
