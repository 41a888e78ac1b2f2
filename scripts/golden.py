"""Makes tests/golden anew: a tiny model folder and checkpoint of this version, and what they give.

`python scripts/golden.py` is run when a format changes on purpose; older folders stay beside it under their version, so
that the tests keep loading what earlier versions wrote.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from seqclf import SequenceClassifier, compose, train
from seqclf.inference.folder_config import FORMAT

GOLDEN = Path(__file__).resolve().parents[1] / "tests" / "golden"
TINY = (
    "data=synthetic",
    "data.records=60",
    "data.vocabulary=40",
    "encoder=lstm",
    "encoder.hidden_size=3",
    "multifield=attention",
    "embedder.embedding_dim=4",
    "embedder.buckets=1",
    "trainer.max_epochs=1",
    "trainer.progress_bar=false",
    "trainer.accelerator=cpu",
    "logger=none",
    "baselines=false",
)


def main() -> None:
    """Train the tiny model and keep what a later version must load."""
    folder = GOLDEN / f"format-{FORMAT}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as run:
        result = train(compose(*TINY), folder=Path(run))
        shutil.copytree(result.model_dir, folder / "model")
        shutil.copy(result.run_dir / "checkpoints" / "best.ckpt", folder / "best.ckpt")
    model = SequenceClassifier.from_pretrained(folder / "model")
    words = model.vocab.words()[4:12]
    records = [[" ".join(words[at : at + 3])] * len(model.vocab.fields) for at in range(5)]
    expected = [list(prediction.probabilities.values()) for prediction in model.predict(records)]
    (folder / "expected.json").write_text(json.dumps({"records": records, "probabilities": expected}, indent=1) + "\n")


if __name__ == "__main__":
    main()
