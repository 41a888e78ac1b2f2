"""How much faster are two processes than one? `python scripts/scaling.py [models=bag,lstm] [records=20000]`.

Trains each model on synthetic records by one process with one thread, and by several with one thread each
(trainer=ddp): training records per second, median over the epochs after the first. The batch of one process is
as large in both, so the steps of several are as many times larger. Efficiency is the ratio over the processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

TRAIN = Path(__file__).resolve().parents[1] / "train.py"
SMALL = ("baselines=false", "trainer.progress_bar=false", "trainer.accelerator=cpu", "trainer.threads=1", "logger=none")


def rate(model: str, records: str, devices: int, epochs: str) -> float:
    """Training records per second of so many processes."""
    options = ["trainer=ddp", f"trainer.devices={devices}"] if devices > 1 else []
    options += [f"encoder={model}", "data=synthetic", f"data.records={records}", f"trainer.max_epochs={epochs}", *SMALL]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [sys.executable, str(TRAIN), *options, f"hydra.run.dir={folder}"], check=True, capture_output=True
        )
        metrics = json.loads((Path(folder) / "metrics.json").read_text(encoding="utf-8"))
    return float(metrics["train/records_per_second"])


def main() -> None:
    """Print a row for each model."""
    typed = dict(argument.split("=", 1) for argument in sys.argv[1:])
    devices, records, epochs = int(typed.get("devices", "2")), typed.get("records", "20000"), typed.get("epochs", "3")
    print(f"{'encoder':<12}{'1 process':>12}{f'{devices} processes':>14}{'ratio':>8}{'efficiency':>12}")
    for model in typed.get("models", "bag,cnn,lstm").split(","):
        one, several = (rate(model, records, count, epochs) for count in (1, devices))
        ratio = several / one
        print(f"{model:<12}{one:>12,.0f}{several:>14,.0f}{ratio:>8.2f}{ratio / devices:>12.2f}", flush=True)


if __name__ == "__main__":
    main()
