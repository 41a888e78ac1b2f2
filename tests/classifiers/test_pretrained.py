import numpy as np
import pytest
import torch

from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.run.compose import compose, plain
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

TEXTS = ["win money now", "see you", "", "a strange and long thing"]


def test_embed_gives_what_the_output_layer_reads_in_the_order_of_the_records() -> None:
    torch.manual_seed(0)
    vocab = Vocabulary(Tokenization().train(TEXTS), ["ham", "spam"], ["text"])
    model: SequenceClassifier = build_classifier(plain(compose("encoder=lstm")), vocab)
    vectors = model.embed(TEXTS)
    assert vectors.shape == (4, model.head_dim)
    chances = model.probabilities(model.projection(torch.from_numpy(vectors))).tolist()
    for row, prediction in zip(chances, model.predict(TEXTS), strict=True):
        assert row == pytest.approx(list(prediction.probabilities.values()), abs=1e-6)
    assert model.embed([]).shape == (0, model.head_dim)
    np.testing.assert_allclose(model.embed(TEXTS[:1]), vectors[:1], atol=1e-6)


def test_a_mistake_is_one_message_in_a_notebook() -> None:
    assert UserError("no such field")._render_traceback_() == ["Error: no such field"]
