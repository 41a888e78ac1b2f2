"""Plots that lie inside of a page: nothing is fetched, nothing stands beside it."""

from __future__ import annotations

from base64 import b64encode
from html import escape
from io import BytesIO
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")  # told apart by the colour-blind, Tol 2021
OTHERS = "#bbbbbb"


def can_plot() -> bool:
    """Whether matplotlib is installed."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError:
        return False
    return True


def new_figure(width: float, height: float) -> Figure:
    """A figure of so many inches, apart from matplotlib's global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def inline(figure: Figure, title: str) -> str:
    """A figure as an element of a page.

    Args:
        figure: matplotlib's.
        title: what stands above it, and what is read to those who do not see it.
    """
    written = BytesIO()
    figure.savefig(written, format="svg", bbox_inches="tight", metadata={"Date": None, "Creator": None})
    data = b64encode(written.getvalue()).decode("ascii")
    text = escape(title)
    return f'<h2>{text}</h2>\n<img class="plot" alt="{text}" src="data:image/svg+xml;base64,{data}">'
