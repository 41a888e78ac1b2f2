import inspect
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.classifiers.mixup import Mixup
from seqclf.classifiers.r_drop import RDrop
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.classifiers.sequence_pair_classifier import SequencePairClassifier
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.nn.concat import Concat
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.word_embedder import WordEmbedder
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

COLUMNS = ("left_title", "left_body", "right_title", "right_body")
PAIRS = [
    ["win money now", "see you", "win money", ""],
    ["", "a strange thing", "lunch", "see you at lunch"],
    ["", "", "win", "money"],
    ["lunch", "", "lunch", ""],
]


def vocabulary(columns: tuple[str, ...] = COLUMNS) -> Vocabulary:
    tokenizer = Tokenization().train(iter(["win money now", "see you at lunch", "a strange thing"]))
    return Vocabulary(tokenizer, ["match", "no match"], ("title", "body"), columns=columns)


def parts(vocab: Vocabulary) -> tuple[Vocabulary, TextFieldEmbedder, Bag]:
    return vocab, TextFieldEmbedder({"tokens": WordEmbedder(vocab.size(), embedding_dim=6)}), Bag(6, mode="mean")


def classifier(**options: object) -> SequencePairClassifier:
    torch.manual_seed(0)
    model = SequencePairClassifier(*parts(vocabulary()), multifield_seq2vec_encoder=Concat(6, 2), **options)  # type: ignore[arg-type]
    return model.eval()


def batch_of(model: SequencePairClassifier, pairs: list[list[str]]) -> RecordBatch:
    return index_records(model.vocab, pairs).batch(np.arange(len(pairs)))


def padded(model: SequencePairClassifier, records: list[list[str]]) -> dict[str, Tensor]:
    ids = torch.zeros(len(records), 2, 5, dtype=torch.long)
    for at, record in enumerate(records):
        for field, text in enumerate(record):
            row, _ = model.vocab.encode([text])
            ids[at, field, : len(row)] = torch.from_numpy(row)
    return {"tokens": ids}


def test_the_constructor_keeps_the_contract_of_the_family() -> None:
    own, family = (inspect.signature(kind).parameters for kind in (SequencePairClassifier, SequenceClassifier))
    of_both = [name for name in family if name != "wide"]  # a term of one record and one label
    assert [name for name in own if name not in ("interaction", "combine")] == of_both
    assert all(own[name] == family[name] for name in of_both)
    assert own["combine"].default == "concat"
    assert own["combine"].kind is inspect.Parameter.KEYWORD_ONLY
    assert list(inspect.signature(SequencePairClassifier.forward).parameters)[1:] == ["record1", "record2", "label"]
    assert SequencePairClassifier.n_inputs == 2


@pytest.mark.parametrize("combine", ["concat", "full", "symmetric"])
def test_one_batch_of_pairs_equals_the_two_records_of_each(combine: str) -> None:
    model = classifier(combine=combine)
    label = torch.tensor([0, 1, 1, 0])
    together = model(batch_of(model, PAIRS), label=label)
    apart = model(padded(model, [pair[:2] for pair in PAIRS]), padded(model, [pair[2:] for pair in PAIRS]), label)
    torch.testing.assert_close(together["logits"], apart["logits"])
    torch.testing.assert_close(together["loss"], torch.nn.functional.cross_entropy(together["logits"], label))
    torch.testing.assert_close(apart["loss"], together["loss"])


def test_the_class_joins_by_concatenation_and_both_records_share_every_weight() -> None:
    model = classifier()
    left, right = ([pair[:2] for pair in PAIRS], [pair[2:] for pair in PAIRS])
    vectors = torch.cat([model.forward_tokens(padded(model, side)) for side in (left, right)], dim=1)
    expected = vectors @ model.projection.weight.T + model.projection.bias
    torch.testing.assert_close(model(batch_of(model, PAIRS))["logits"], expected)
    swapped = model.forward_tokens(batch_of(model, [pair[2:] + pair[:2] for pair in PAIRS]))
    torch.testing.assert_close(swapped, vectors.roll(model.output_dim, dims=1))


def test_two_pairs_swapped_in_a_batch_swap_their_outputs_and_one_alone_is_what_it_is_in_the_batch() -> None:
    model = classifier(combine="full")
    logits = model(batch_of(model, PAIRS))["logits"]
    order = [1, 0, 3, 2]
    torch.testing.assert_close(model(batch_of(model, [PAIRS[at] for at in order]))["logits"], logits[order])
    for at, pair in enumerate(PAIRS):
        torch.testing.assert_close(model(batch_of(model, [pair]))["logits"][0], logits[at])


def test_gradients_reach_every_parameter() -> None:
    model = classifier(combine="full").train()
    model(batch_of(model, PAIRS), label=torch.tensor([0, 1, 1, 0]))["loss"].backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_extend_labels_keeps_the_trained_rows() -> None:
    model = classifier(combine="full")
    before = model(batch_of(model, PAIRS))["logits"]
    model.extend_labels(["unsure"])
    torch.testing.assert_close(model(batch_of(model, PAIRS))["logits"][:, :2], before)
    assert model.output_classes == ["match", "no match", "unsure"]


def test_predict_takes_columns_by_name_or_two_records() -> None:
    model = classifier(combine="full")
    named = model.predict([dict(zip(COLUMNS, pair, strict=True)) for pair in PAIRS])
    two = model.predict([(pair[:2], {"title": pair[2], "body": pair[3]}) for pair in PAIRS])
    assert named == two
    decoded = model.decode(model(batch_of(model, PAIRS)))
    assert [prediction.label for prediction in named] == decoded["max_class"]
    assert model.evaluate([tuple(pair) for pair in ()], []) == {}
    assert model.evaluate([(pair[:2], pair[2:]) for pair in PAIRS], ["match"] * 4)["records"] == 4


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ("one text", "must be a pair"),
        (["a", "b", "c"], "must be a pair.*left_title"),
        ({"titel": "x"}, "no field that the model knows"),
        (({"titel": "x"}, {"title": "y"}), "'title'"),
    ],
)
def test_predict_says_what_is_wrong_with_a_pair(pair: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        classifier().predict([pair])  # type: ignore[list-item]


def test_a_vocabulary_of_the_other_kind_is_refused() -> None:
    with pytest.raises(UserError, match=r"data\.left=\[\.\.\.\]"):
        SequencePairClassifier(*parts(vocabulary(("title", "body"))), multifield_seq2vec_encoder=Concat(6, 2))
    with pytest.raises(UserError, match="task=pair"):
        SequenceClassifier(*parts(vocabulary()), multifield_seq2vec_encoder=Concat(6, 2))


def test_another_way_to_join_is_refused() -> None:
    with pytest.raises(UserError, match="concat"):
        classifier(combine="concta")


@pytest.mark.parametrize("step", [RDrop(), Mixup()])
def test_every_step_of_training_takes_pairs(step: Any) -> None:
    model = classifier(step=step, dropout=0.3).train()
    batch = batch_of(model, PAIRS)
    batch.labels = torch.tensor([0, 1, 1, 0])
    model.training_step(batch, 0).backward()
    assert model.get_metrics()["records"] == 4
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
