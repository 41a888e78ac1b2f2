import pytest
import torch

from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference.decision import Decision
from seqclf.run.compose import compose, plain
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

TEXTS = ["win money now", "see you", "", "a strange thing", "money you win"]
LABELS = ["ham", "spam", "eggs"]


def build(*overrides: str) -> SequenceClassifier:
    torch.manual_seed(0)
    vocab = Vocabulary(Tokenization().train(TEXTS), LABELS, ["text"])
    model: SequenceClassifier = build_classifier(plain(compose("embedder.buckets=50", *overrides)), vocab)
    torch.nn.init.normal_(model.projection.weight, std=3.0)
    return model


def test_top_k_tells_the_likeliest_classes_the_likeliest_first() -> None:
    model = build()
    for whole, told in zip(model.predict(TEXTS), model.predict(TEXTS, top_k=2), strict=True):
        assert list(told.probabilities.items()) == sorted(whole.probabilities.items(), key=lambda one: -one[1])[:2]
        assert told.label == whole.label


def test_a_record_of_which_the_model_is_not_sure_is_given_no_label() -> None:
    model = build()
    sure = sorted(prediction.probability for prediction in model.predict(TEXTS))
    limit = (sure[1] + sure[2]) / 2
    for whole, told in zip(model.predict(TEXTS), model.predict(TEXTS, abstain=limit), strict=True):
        assert told.abstained == (whole.probability < limit)
        assert told.label == ("" if told.abstained else whole.label)
        assert told.labels == (() if told.abstained else (whole.label,))
        assert told.probability == whole.probability
    assert sum(told.abstained for told in model.predict(TEXTS, abstain=limit)) == 2


def test_a_label_below_its_threshold_leaves_the_place_to_the_next() -> None:
    model = build()
    for whole, told in zip(model.predict(TEXTS), model.predict(TEXTS, thresholds={"spam": 1.0}), strict=True):
        others = {label: chance for label, chance in whole.probabilities.items() if label != "spam"}
        assert told.label == max(others, key=others.__getitem__)
        assert told.probability == whole.probabilities[told.label]
    assert all(told.abstained for told in model.predict(TEXTS, thresholds=1.0))


def test_thresholds_of_any_number_of_labels_stand_in_place_of_the_models_own() -> None:
    model = build("task=multilabel")
    for whole, told in zip(model.predict(TEXTS), model.predict(TEXTS, thresholds={"eggs": 0.0}), strict=True):
        assert set(told.labels) == {*whole.labels, "eggs"}
    assert all(told.labels == () and not told.abstained for told in model.predict(TEXTS, thresholds=1.0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top_k": 0}, "top_k must be at least 1, but is 0"),
        ({"abstain": 1.5}, "abstain must be a probability, between 0 and 1, but is 1.5"),
        ({"thresholds": {"spam": "high"}}, "thresholds, 'spam' must be a probability, between 0 and 1, but is 'high'"),
        ({"thresholds": -0.1}, "thresholds must be a probability"),
        ({"thresholds": {"spma": 0.5}}, "there is no label 'spma'. Did you mean 'spam'?"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as error:
        Decision(**options).limits(LABELS)  # type: ignore[arg-type]
    assert message in str(error.value)
