import inspect
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import metrics as scikit
from torch import Tensor
from torchmetrics.classification import MultilabelHammingDistance

from seqclf.batch import RecordBatch
from seqclf.classifiers.binary_cross_entropy import BinaryCrossEntropy
from seqclf.classifiers.metric_options import MetricOptions
from seqclf.classifiers.mixup import Mixup
from seqclf.classifiers.multilabel_classifier import MultilabelClassifier
from seqclf.classifiers.multilabel_metrics import MultilabelMetrics, multilabel_figure_names
from seqclf.classifiers.r_drop import RDrop
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.word_embedder import WordEmbedder
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

LABELS = ["ham", "odd", "spam"]
TEXTS = ["win money now", "see you at lunch", "a strange thing", "lunch money"]


def classifier(**options: Any) -> MultilabelClassifier:
    torch.manual_seed(0)
    tokenizer = Tokenization().train(iter(TEXTS))
    vocab = Vocabulary(tokenizer, LABELS, ("text",), label_separator="|")
    embedder = TextFieldEmbedder({"tokens": WordEmbedder(vocab.size(), embedding_dim=6, std=1.0)})
    return MultilabelClassifier(vocab, embedder, Bag(6, mode="mean"), **options).eval()


def batch_of(model: MultilabelClassifier, texts: list[str]) -> RecordBatch:
    return index_records(model.vocab, [[text] for text in texts]).batch(np.arange(len(texts)))


def some_records(count: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(count, classes, generator=generator)
    return logits, (torch.rand(count, classes, generator=generator) < 0.4).long()


def test_the_constructor_keeps_the_contract_of_the_family() -> None:
    own, family = (inspect.signature(kind).parameters for kind in (MultilabelClassifier, SequenceClassifier))
    assert list(own) == list(family)


def test_the_loss_is_torchs_with_pos_weight() -> None:
    logits, labels = some_records(7, 3)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, labels.float())
    torch.testing.assert_close(BinaryCrossEntropy(LABELS)(logits, labels), expected)
    weights = {"ham": 1.0, "odd": 2.0, "spam": 0.5}
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, labels * 0.8 + 0.1, pos_weight=torch.tensor([1.0, 2.0, 0.5])
    )
    torch.testing.assert_close(BinaryCrossEntropy(LABELS, weights, 0.2)(logits, labels), expected)
    lowered = labels.clone()
    lowered[2] -= 2  # other labels besides
    torch.testing.assert_close(BinaryCrossEntropy(LABELS, weights, 0.2)(logits, lowered), expected)
    assert BinaryCrossEntropy(LABELS, weights).extend([*LABELS, "new"]).weights == {**weights, "new": 1.0}


@pytest.mark.parametrize("pieces", [1, 4])
def test_the_figures_are_scikit_learns(pieces: int) -> None:
    logits, labels = some_records(60, 3)
    logits[:, 2] -= 1.5
    options = MetricOptions(beta=0.5)
    metrics = classifier(metrics=options).new_metrics(scores=True)
    for rows in torch.arange(60).chunk(pieces):
        metrics.update(logits[rows], labels[rows], torch.tensor(0.5 * len(rows)), torch.tensor(float(len(rows))))
    found, scores = metrics.compute(), logits.sigmoid().numpy()
    labels, given = labels.numpy(), (logits > 0).long().numpy()  # older ones of scikit-learn take no tensors
    assert found["accuracy"] == pytest.approx(scikit.accuracy_score(labels, given))
    for average in ("macro", "micro", "weighted"):
        expected = scikit.f1_score(labels, given, average=average, zero_division=0)
        assert found[f"f1_{average}"] == pytest.approx(expected)
    assert found["precision_macro"] == pytest.approx(scikit.precision_score(labels, given, average="macro"))
    assert found["auroc"] == pytest.approx(scikit.roc_auc_score(labels, scores), abs=1e-6)
    for average in ("macro", "micro", "weighted"):
        expected = scikit.fbeta_score(labels, given, beta=0.5, average=average, zero_division=0)
        assert found[f"fbeta_{average}"] == pytest.approx(expected)
    recalls = scikit.recall_score(labels, given, average=None)
    assert [found[f"recall/{label}"] for label in LABELS] == pytest.approx(recalls)
    assert found["records"] == 60
    assert set(found) == {*multilabel_figure_names(LABELS, options), "records"}
    assert metrics.running_accuracy() == pytest.approx(found["accuracy"])


def test_other_labels_besides_are_wrong_and_nothing_else() -> None:
    logits, labels = some_records(20, 3)
    plain, lowered = classifier().new_metrics(True), classifier().new_metrics(True)
    right = (logits > 0).long()
    right[:5] = labels[:5]
    besides = right.clone()
    besides[10:] -= 2
    for metrics, gold in ((plain, right), (lowered, besides)):
        metrics.update(logits, gold, torch.tensor(1.0), torch.tensor(20.0))
    found, expected = lowered.compute(), plain.compute()
    assert found["accuracy"] == pytest.approx((expected["accuracy"] * 20 - 10) / 20)
    assert {name: value for name, value in found.items() if name != "accuracy"} == {
        name: value for name, value in expected.items() if name != "accuracy"
    }


def test_no_records_have_no_figures_and_none_on_this_rank_is_no_error() -> None:
    assert classifier().new_metrics(scores=True).compute() == {}


def test_thresholds_are_tuned_on_what_was_validated_and_decide() -> None:
    model = classifier()
    batch, labels = batch_of(model, TEXTS), torch.tensor([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 1]])
    with torch.no_grad():
        model.projection.bias -= 3.0  # nothing is above one half
    output = model(batch, label=labels)
    assert model.get_metrics(reset=True)["f1_micro"] == 0.0
    model(batch, label=labels)
    model.tune_thresholds()
    tuned = model.thresholds.clone()
    assert (tuned < 0.5).all()
    model.get_metrics(reset=True)
    model(batch, label=labels)
    figures = model.get_metrics()
    given = output["class_probabilities"] > tuned
    assert figures["f1_micro"] == pytest.approx(scikit.f1_score(labels, given, average="micro"))
    decoded = model.decode(output)
    assert decoded["labels"] == [[LABELS[at] for at in row.nonzero()[:, 0]] for row in given]
    assert [prediction.labels for prediction in model.predict(TEXTS)] == [tuple(row) for row in decoded["labels"]]
    model.tune_thresholds()  # from logits that the thresholds were taken from
    again = output["class_probabilities"] > model.thresholds
    for row in (given, again):
        assert scikit.f1_score(labels, row, average="macro") == pytest.approx(figures["f1_macro"])


def test_the_probability_of_a_prediction_is_that_of_the_whole_set() -> None:
    model = classifier()
    prediction = model.predict(["win money now"])[0]
    by_hand = 1.0
    for label, probability in prediction.probabilities.items():
        assert (probability > 0.5) == (label in prediction.labels)
        by_hand *= probability if label in prediction.labels else 1 - probability
    assert prediction.probability == pytest.approx(by_hand)
    assert prediction.label == "|".join(prediction.labels)


def test_extend_labels_keeps_rows_and_thresholds() -> None:
    model = classifier(loss_weights={"ham": 1.0, "odd": 2.0, "spam": 3.0})
    model.thresholds.copy_(torch.tensor([0.2, 0.3, 0.4]))
    before = model(batch_of(model, TEXTS))["logits"]
    model.extend_labels(["odd", "new"])
    torch.testing.assert_close(model(batch_of(model, TEXTS))["logits"][:, :3], before)
    torch.testing.assert_close(model.thresholds, torch.tensor([0.2, 0.3, 0.4, 0.5]))
    assert "thresholds" in model.state_dict()
    output = model(batch_of(model, TEXTS), label=torch.eye(4, dtype=torch.long))
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        output["logits"], torch.eye(4), pos_weight=torch.tensor([1.0, 2.0, 3.0, 1.0])
    )
    torch.testing.assert_close(output["loss"], expected)


def test_evaluate_takes_lists_and_texts() -> None:
    model = classifier()
    figures = model.evaluate(TEXTS, [["ham"], [], ["odd", "spam"], ["never seen"]])
    assert figures == model.evaluate(TEXTS, ["ham", "", "odd | spam", "never seen"])
    assert figures["records"] == 4


def test_a_metric_of_ones_own_sees_what_is_given_and_what_is_right() -> None:
    model = classifier(accuracy=lambda classes: MultilabelHammingDistance(classes))
    labels = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 1, 0], [1, 0, 1]])
    given = (model(batch_of(model, TEXTS), label=labels)["logits"] > 0).long()
    assert model.get_metrics()["accuracy"] == pytest.approx(float((given != labels).float().mean()))
    assert isinstance(model.metrics_of("validation"), MultilabelMetrics)


def test_gradients_reach_every_parameter() -> None:
    model = classifier().train()
    model(batch_of(model, TEXTS), label=torch.zeros(4, 3, dtype=torch.long))["loss"].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("step", [RDrop(), Mixup()])
def test_every_step_of_training_takes_several_labels(step: Any) -> None:
    model = classifier(step=step, dropout=0.5).train()
    batch = batch_of(model, TEXTS)
    batch.labels = torch.tensor([[0, 0, 1], [1, 0, 0], [0, 1, 0], [0, 0, 0]])
    loss = model.training_step(batch, 0)
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert model.metrics_of("train").compute()["records"] == 4


def test_divergence_is_that_of_torchs_bernoullis() -> None:
    one, other = some_records(5, 3)[0], some_records(5, 3, seed=1)[0]
    coins = [torch.distributions.Bernoulli(logits=logits) for logits in (one, other)]
    both = [torch.distributions.kl_divergence(*pair).mean() for pair in (coins, coins[::-1])]
    torch.testing.assert_close(BinaryCrossEntropy(LABELS).divergence(one, other), sum(both) / 2)


def test_a_loss_of_one_label_is_refused() -> None:
    from seqclf.classifiers.losses import CrossEntropy

    with pytest.raises(UserError, match="loss=binary_cross_entropy"):
        classifier(loss=CrossEntropy(LABELS))


def test_the_likeliest_classes_are_of_records_of_one_label() -> None:
    with pytest.raises(UserError, match=r"metrics\.top_k is of records of one label"):
        classifier(metrics=MetricOptions(top_k=[2]))


def test_a_temperature_changes_probabilities_but_no_label_that_is_given() -> None:
    model = classifier()
    model.thresholds.copy_(torch.tensor([0.3, 0.5, 0.6]))
    before = model.predict(TEXTS)
    model.temperature = 3.0
    after = model.predict(TEXTS)
    assert [one.labels for one in after] == [one.labels for one in before]
    assert all(abs(max(one.probabilities.values()) - 0.5) < 0.35 for one in after)
    assert after[0].probabilities != before[0].probabilities


def test_the_temperature_is_fitted_on_logits_without_their_thresholds() -> None:
    model = classifier()
    model.thresholds.copy_(torch.tensor([0.1, 0.5, 0.9]))
    logits, labels = some_records(300, 3)
    model.eval().record(logits, labels, torch.tensor(0.0), torch.tensor(1.0))
    seen = model.seen_logits(model.metrics_of("validation"))
    assert seen is not None
    torch.testing.assert_close(seen[0], logits, atol=1e-3, rtol=1e-3)
    model.calibrate()
    figures = model.calibration_figures(model.metrics_of("validation"))
    assert figures["calibration_error_scaled"] < figures["calibration_error"]
