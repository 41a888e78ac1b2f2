"""The predictions of many records: as a list, as a page, as a data frame."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from seqclf.errors import UserError
from seqclf.inference.predict import Prediction

if TYPE_CHECKING:
    from pandas import DataFrame

ROWS, CLASSES = 20, 3  # that a notebook shows
STYLE = """
.sq-table { font: 13px/1.4 system-ui, sans-serif; border-collapse: collapse; font-variant-numeric: tabular-nums; }
.sq-table th, .sq-table td { padding: .15rem .7rem; text-align: left; color: inherit; background: none; }
.sq-table td, .sq-table th { border-bottom: 1px solid #8884; overflow-wrap: anywhere; }
.sq-table small { opacity: .75; }
"""


class Predictions(list[Prediction]):
    """Predictions in the order of the records; a notebook shows the first of them as a table."""

    def to_pandas(self) -> DataFrame:
        """A `pandas.DataFrame` with the columns `prediction`, `probability` and `probability/LABEL`, a row per record.

        Raises:
            UserError: where pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise UserError(f"A data frame needs {error.name}: pip install 'seqclf[notebook]'.") from error
        labels = dict.fromkeys(label for each in self for label in each.probabilities)
        columns: dict[str, list[object]] = {
            "prediction": [each.label for each in self],
            "probability": [each.probability for each in self],
        }
        columns |= {f"probability/{label}": [each.probabilities.get(label) for each in self] for label in labels}
        return pandas.DataFrame(columns)

    def _repr_html_(self) -> str:
        rows = [[number, *_row(prediction)] for number, prediction in enumerate(self[:ROWS])]
        return small_table(["", "prediction", "probability", "others"], rows, len(self) - len(rows))


def small_table(header: Sequence[str], rows: Sequence[Sequence[object]], more: int = 0) -> str:
    """A table as a notebook shows it, by day and by night.

    Args:
        header: the names of its columns.
        rows: what stands in them; numbers that are not whole with four places.
        more: how many rows are not shown.
    """
    head = "".join(f"<th>{escape(name)}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    rest = f"<tr><td></td><td><small>and {more:,} more</small></td></tr>" if more > 0 else ""
    return (
        f'<style>{STYLE}</style><table class="sq-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}{rest}</tbody></table>"
    )


def _row(prediction: Prediction) -> tuple[str, float, str]:
    others = {name: chance for name, chance in prediction.probabilities.items() if name not in prediction.labels}
    best = sorted(others, key=others.__getitem__, reverse=True)[:CLASSES]
    told = ", ".join(f"{name} {others[name]:.3f}" for name in best)
    return prediction.label or "(none)", prediction.probability, told


def _cell(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else escape(str(value))
