"""A class of one's own is chosen by its name, as in a notebook."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from seqclf import SequenceClassifier, UserError, compose, train
from seqclf.nn.seq2vec_encoder import DenseSeq2VecEncoder
from seqclf.run.compose import plain
from seqclf.run.schema import check_config


class Scaled(DenseSeq2VecEncoder):
    """The scaled sum of a row; it is in no file that a configuration could name."""

    def __init__(self, input_dim: int, power: int, scale: float = 1.0, names: list[str] | None = None) -> None:
        super().__init__()
        self.output_dim = input_dim
        self.scale = scale**power
        self.names = names

    def dense(self, x: Tensor, lengths: Tensor, positions: Tensor) -> Tensor:
        return self.scale * x.sum(dim=1)


Scaled.__module__ = "__main__"  # as that of a class in a notebook's cell
QUICK = ("data=synthetic", "data.records=40", "trainer.max_epochs=1", "trainer.progress_bar=false", "baselines=false")


def test_a_class_is_chosen_by_name_with_its_arguments_as_keys() -> None:
    config: Any = compose("encoder=Scaled", "encoder.scale=2.5", "encoder.power=2", parts=[Scaled])
    assert dict(config.encoder) == {
        "_target_": "__main__.Scaled",
        "_partial_": True,
        "power": 2,
        "scale": 2.5,
        "names": None,
    }
    check_config(plain(config))
    config = compose("multifield=Scaled", "multifield.power=1", parts=[Scaled])
    assert config.multifield.scale == 1.0
    assert config.multifield.field_dropout == 0.0  # what every multifield encoder has
    assert config.encoder == compose().encoder


def test_mistakes_with_a_class_are_said() -> None:
    with pytest.raises(UserError, match=r"encoder has no choice 'Scale'\. Did you mean 'Scaled'"):
        compose("encoder=Scale", parts=[Scaled])
    with pytest.raises(UserError, match=r"encoder.*Did you mean 'lstm'"):
        compose("encoder=lsttm", parts=[Scaled])
    with pytest.raises(UserError, match=r"no 'encoder.scael'.*Did you mean 'scale'"):
        compose("encoder=Scaled", "encoder.scael=2", parts=[Scaled])
    with pytest.raises(UserError, match=r"encoder\.power has no value yet"):
        train(compose("encoder=Scaled", parts=[Scaled]), parts=[Scaled])
    with pytest.raises(UserError, match="refused"):
        train(compose(*QUICK, "encoder=Scaled", "encoder.power=1", parts=[Scaled]))


def test_a_class_is_trained_saved_and_loaded_by_name(tmp_path: Path) -> None:
    config = compose(*QUICK, "encoder=Scaled", "encoder.power=2", "encoder.scale=3", parts=[Scaled])
    result = train(config, parts=[Scaled], folder=tmp_path)
    model = SequenceClassifier.from_pretrained(result.model_dir, parts=[Scaled])
    assert isinstance(model.seq2vec_encoder, Scaled)
    assert model.seq2vec_encoder.scale == 9
    assert torch.tensor(model.predict([["a", "b"]])[0].probability) > 0
    with pytest.raises(UserError, match="Scaled"):
        SequenceClassifier.from_pretrained(result.model_dir)
