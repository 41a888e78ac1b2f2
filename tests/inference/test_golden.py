"""What earlier versions wrote is loaded, and gives what it gave then; scripts/golden.py makes it."""

import json
from pathlib import Path

import pytest
import torch
import yaml

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.inference.folder_config import FORMAT
from seqclf.run.checkpoints import read_weights

FOLDERS = sorted((Path(__file__).parents[1] / "golden").glob("format-*"))


def test_this_version_is_among_them() -> None:
    assert [folder.name for folder in FOLDERS][-1] == f"format-{FORMAT}"


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_old_model_folder_gives_what_it_gave(folder: Path) -> None:
    expected = json.loads((folder / "expected.json").read_text())
    model = SequenceClassifier.from_pretrained(folder / "model")
    given = [list(prediction.probabilities.values()) for prediction in model.predict(expected["records"])]
    torch.testing.assert_close(torch.tensor(given), torch.tensor(expected["probabilities"]), atol=1e-6, rtol=0)
    assert f"format-{yaml.safe_load((folder / 'model' / 'config.yaml').read_text())['format']}" == folder.name


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_an_old_checkpoint_has_the_weights_of_its_model(folder: Path) -> None:
    model = SequenceClassifier.from_pretrained(folder / "model")
    weights = read_weights(folder / "best.ckpt")
    assert weights.keys() == model.state_dict().keys()
    for name, tensor in model.state_dict().items():
        assert torch.equal(weights[name], tensor), name
