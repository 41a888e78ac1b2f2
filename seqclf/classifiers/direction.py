"""Which figures are better when they are lower."""

LOWER_IS_BETTER = ("loss", "calibration_error")


def lower_is_better(figure: str) -> bool:
    """Whether a figure is better when it is lower.

    Args:
        figure: its name, with its stage or without, `validation/loss`.
    """
    return figure.split("/", 1)[-1] in LOWER_IS_BETTER
