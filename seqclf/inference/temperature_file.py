"""The temperature of a model folder: what the logits are divided by before they become probabilities."""

from __future__ import annotations

import json
import math
from pathlib import Path

from seqclf.errors import UserError

CALIBRATION_FILE = "calibration.json"


def write_temperature(temperature: float, folder: Path) -> None:
    """Write `calibration.json`."""
    (folder / CALIBRATION_FILE).write_text(json.dumps({"temperature": temperature}) + "\n", encoding="utf-8")


def read_temperature(folder: Path) -> float:
    """Read `calibration.json` of a checked folder; 1 where there is none, as in folders of before it.

    Raises:
        UserError: for a file that holds anything else than a temperature above 0.
    """
    file = folder / CALIBRATION_FILE
    if not file.exists():
        return 1.0
    try:
        held = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{file} is broken: {error}.") from error
    value = held.get("temperature") if isinstance(held, dict) and len(held) == 1 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise UserError(f'{file} must hold {{"temperature": NUMBER}}, a number above 0, and nothing else.')
    return float(value)
