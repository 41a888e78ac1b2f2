"""The predictions of many records: as a list, as a page, as a data frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqclf.errors import UserError
from seqclf.inference.predict import Prediction
from seqclf.inference.small_table import small_table

if TYPE_CHECKING:
    from pandas import DataFrame

ROWS, CLASSES = 20, 3  # that a notebook shows


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


def _row(prediction: Prediction) -> tuple[str, float, str]:
    others = {name: chance for name, chance in prediction.probabilities.items() if name not in prediction.labels}
    best = sorted(others, key=others.__getitem__, reverse=True)[:CLASSES]
    told = ", ".join(f"{name} {others[name]:.3f}" for name in best)
    return prediction.label or "(none)", prediction.probability, told
