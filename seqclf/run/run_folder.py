"""The folder of a run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from hydra.core.hydra_config import HydraConfig


def run_folder() -> Path:
    """Hydra's folder of this job, or a new one under outputs/ where there is no Hydra job."""
    if HydraConfig.initialized():
        return Path(HydraConfig.get().runtime.output_dir)
    now = datetime.now()
    folder = Path("outputs") / now.strftime("%Y-%m-%d") / now.strftime("%H-%M-%S-%f")
    return folder.resolve()
