import inspect
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclf.batch import RecordBatch
from seqclf.classifiers.sequence_pair_classifier import SequencePairClassifier
from seqclf.classifiers.similarity_classifier import SimilarityClassifier
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.word_embedder import WordEmbedder
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

PAIRS = [["win money now", "win money"], ["lunch", "a strange thing"], ["see you", "see you"], ["money", "lunch"]]


def classifier(labels: tuple[str, ...] = ("match", "no match"), **options: Any) -> SimilarityClassifier:
    torch.manual_seed(0)
    tokenizer = Tokenization().train(iter(["win money now", "see you at lunch", "a strange thing"]))
    vocab = Vocabulary(tokenizer, labels, ("text",), columns=("left", "right"))
    embedder = TextFieldEmbedder({"tokens": WordEmbedder(vocab.size(), embedding_dim=6, std=1.0)})
    return SimilarityClassifier(vocab, embedder, Bag(6, mode="mean"), **{"same": "match", **options}).eval()


def batch_of(model: SimilarityClassifier, pairs: list[list[str]]) -> RecordBatch:
    return index_records(model.vocab, pairs).batch(np.arange(len(pairs)))


def test_the_constructor_keeps_the_contract() -> None:
    own, pairs = (inspect.signature(kind).parameters for kind in (SimilarityClassifier, SequencePairClassifier))
    assert [name for name in own if name not in ("same", "verification_weight", "margin")] == [
        name
        for name in pairs
        if name != "interaction"  # two vectors are compared, never one of both records
    ]
    assert own["verification_weight"].default == 2.0
    assert own["margin"].default == 0.5
    assert SimilarityClassifier.n_inputs == 2


@pytest.mark.parametrize("same", ["match", "no match"])
@settings(max_examples=15)
@given(labels=st.lists(st.integers(0, 1), min_size=4, max_size=4), margin=st.floats(-1, 1), weight=st.floats(0, 5))
def test_the_loss_is_torchs_two_losses(same: str, labels: list[int], margin: float, weight: float) -> None:
    model = classifier(same=same, margin=margin, verification_weight=weight)
    batch, gold = batch_of(model, PAIRS), torch.tensor(labels)
    output = model(batch, label=gold)
    left, right = model.forward_tokens(batch).chunk(2, dim=1)
    sign = torch.tensor([1 if model.output_classes[label] == same else -1 for label in labels])
    expected = torch.nn.functional.cross_entropy(output["logits"], gold)
    expected = expected + weight * torch.nn.functional.cosine_embedding_loss(left, right, sign, margin)
    torch.testing.assert_close(output["loss"], expected)


def test_unknown_labels_add_nothing() -> None:
    model = classifier()
    whole = model(batch_of(model, PAIRS[:2]), label=torch.tensor([0, 1]))["loss"]
    torch.testing.assert_close(model(batch_of(model, PAIRS), label=torch.tensor([0, 1, -1, -2]))["loss"], whole)
    assert model(batch_of(model, PAIRS[:1]), label=torch.tensor([-1]))["loss"].item() == 0.0


def test_equal_records_that_are_the_same_cost_only_cross_entropy() -> None:
    model = classifier()
    output = model(batch_of(model, [["see you", "see you"]]), label=torch.tensor([0]))
    expected = torch.nn.functional.cross_entropy(output["logits"], torch.tensor([0]))
    torch.testing.assert_close(output["loss"], expected)


def test_gradients_reach_every_parameter_and_evaluate_counts_the_whole_loss() -> None:
    model = classifier(combine="full").train()
    loss = model(batch_of(model, PAIRS), label=torch.tensor([0, 1, 0, 1]))["loss"]
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    figures = model.evaluate(PAIRS, ["match", "no match", "match", "no match"])
    assert figures["loss"] == pytest.approx(loss.item(), abs=1e-6)


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        (("a", "b", "c"), {"same": "a"}, "two classes, but there are 3: 'a', 'b', 'c'"),
        (("match", "no match"), {"same": None}, "match or no match"),
        (("match", "no match"), {"same": "mach"}, "Did you mean 'match'"),
        (("match", "no match"), {"margin": 2.0}, "`margin`"),
        (("match", "no match"), {"verification_weight": -1.0}, "`verification_weight`"),
    ],
)
def test_what_makes_no_sense_is_refused(labels: tuple[str, ...], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        classifier(labels, **options)


def test_there_is_no_third_class() -> None:
    model = classifier()
    model.extend_labels(["match"])
    with pytest.raises(UserError, match="'unsure'"):
        model.extend_labels(["unsure"])
