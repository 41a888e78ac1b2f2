"""What a step of training may make of a batch: R-Drop and mixup, beside the plain loss."""

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.classifiers.mixup import Mixup
from seqclf.classifiers.r_drop import RDrop
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.wide_ngrams import WideNgrams
from seqclf.nn.word_embedder import WordEmbedder
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

TEXTS = [["win money now"], ["see you at lunch"], ["a strange thing"], ["you win"], ["lunch now"]]
LABELS = torch.tensor([2, 0, 1, 2, 0])
WEIGHTS = {"ham": 1.0, "odd": 2.0, "spam": 3.0}


def classifier(**options: Any) -> SequenceClassifier:
    torch.manual_seed(0)
    vocab = Vocabulary(Tokenization().train(iter(text for (text,) in TEXTS)), list(WEIGHTS), ("text",))
    embedder = TextFieldEmbedder({"tokens": WordEmbedder(vocab.size(), embedding_dim=6)})
    model = SequenceClassifier(vocab, embedder, Bag(6, mode="mean"), loss_weights=WEIGHTS, **options)
    return model.double().train()


def batch_of(model: SequenceClassifier) -> RecordBatch:
    batch = index_records(model.vocab, TEXTS).batch(np.arange(len(TEXTS)))
    batch.labels = LABELS
    return batch


def loss_of(model: SequenceClassifier, logits: Tensor, labels: Tensor = LABELS) -> Tensor:
    return F.cross_entropy(logits, labels, torch.tensor(list(WEIGHTS.values()), dtype=logits.dtype))


@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_r_drop_is_the_mean_loss_of_two_readings_and_alpha_times_their_divergence(alpha: float) -> None:
    model = classifier(dropout=0.5, step=RDrop(alpha))
    batch = batch_of(model)
    torch.manual_seed(3)
    first, second = (model.projection(model.forward_tokens(batch)) for _ in range(2))
    p, q = first.log_softmax(-1), second.log_softmax(-1)
    both = [F.kl_div(one, two, reduction="batchmean", log_target=True) for one, two in ((p, q), (q, p))]
    assert sum(both) > 0
    expected = (loss_of(model, first) + loss_of(model, second)) / 2 + alpha * sum(both) / 2
    torch.manual_seed(3)
    torch.testing.assert_close(model.training_step(batch, 0), expected, rtol=0, atol=1e-12)


def test_mixup_is_the_loss_of_mixed_vectors_for_both_labels() -> None:
    model = classifier(step=Mixup(0.5))
    batch = batch_of(model)
    torch.manual_seed(3)
    vectors = model.forward_tokens(batch)
    share = torch.distributions.Beta(0.5, 0.5).sample().item()
    partners = torch.randperm(len(LABELS))
    assert 0.01 < share < 0.99
    assert (partners != torch.arange(len(LABELS))).any()
    expected = torch.zeros(())
    for gold, weight in ((LABELS, share), (LABELS[partners], 1 - share)):
        mixed = torch.stack([share * vectors[row] + (1 - share) * vectors[partners[row]] for row in range(len(LABELS))])
        expected = expected + weight * loss_of(model, model.projection(mixed), gold)
    torch.manual_seed(3)
    torch.testing.assert_close(model.training_step(batch, 0), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("step", [None, RDrop(), Mixup()])
def test_the_metrics_count_each_record_once_and_as_it_is(step: Any) -> None:
    model = classifier(step=step).float()
    batch = batch_of(model)
    logits = model(batch)["logits"].detach()
    for _ in range(2):
        model.training_step(batch, 0).backward()
    figures = model.get_metrics()
    assert figures["records"] == 2 * len(LABELS)
    assert figures["loss"] == pytest.approx(float(loss_of(model, logits)))
    assert figures["accuracy"] == pytest.approx(float((logits.argmax(-1) == LABELS).double().mean()))


@pytest.mark.parametrize("step", [RDrop(), Mixup()])
def test_only_training_is_different(step: Any) -> None:
    model, plain = classifier(step=step).float().eval(), classifier().float().eval()
    for one in (model, plain):
        one.validation_step(batch_of(one), 0)
    assert model.get_metrics() == plain.get_metrics()


@pytest.mark.parametrize("step", [None, RDrop(), Mixup()])
def test_gradients_reach_every_parameter(step: Any) -> None:
    model = classifier(step=step, dropout=0.3)
    model.wide = WideNgrams(model.vocab.size(), model.num_classes, buckets=100).double()
    model.wide.count([batch_of(model)])
    model.training_step(batch_of(model), 0).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.to_dense().abs().sum() > 0, name


@pytest.mark.parametrize(("make", "alpha"), [(RDrop, -1.0), (Mixup, 0.0), (Mixup, -1.0)])
def test_an_alpha_out_of_bounds_is_refused(make: Any, alpha: float) -> None:
    with pytest.raises(UserError, match="alpha"):
        make(alpha)
