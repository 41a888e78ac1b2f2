import inspect
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torchmetrics.classification import MulticlassAccuracy

from seqclf.batch import RecordBatch
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.indexing import index_records
from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.nn.concat import Concat
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.wide_ngrams import WideNgrams
from seqclf.nn.word_embedder import WordEmbedder
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

LABELS = ["ham", "odd", "spam"]
CONTRACT = [
    "vocab",
    "text_field_embedder",
    "seq2vec_encoder",
    "seq2seq_encoder",
    "multifield_seq2seq_encoder",
    "multifield_seq2vec_encoder",
    "feed_forward",
    "dropout",
    "multifield_dropout",
    "initializer",
    "regularizer",
    "accuracy",
    "loss_weights",
]


def vocabulary(fields: tuple[str, ...] = ("text",)) -> Vocabulary:
    tokenizer = Tokenization().train(iter(["win money now", "see you at lunch", "a strange thing"]))
    return Vocabulary(tokenizer, LABELS, fields)


def classifier(fields: tuple[str, ...] = ("text",), **options: object) -> SequenceClassifier:
    torch.manual_seed(0)
    vocab = vocabulary(fields)
    embedder = TextFieldEmbedder({"tokens": WordEmbedder(vocab.size(), embedding_dim=6)})
    multifield = Concat(6, len(fields)) if len(fields) > 1 else None
    return SequenceClassifier(
        vocab, embedder, Bag(6, mode="mean"), multifield_seq2vec_encoder=multifield, **options
    ).eval()  # type: ignore[arg-type]


def ids(model: SequenceClassifier, *texts: str) -> dict[str, Tensor]:
    return {
        "tokens": index_records(model.vocab, [[text] for text in texts])
        .batch(torch.arange(len(texts)).numpy())
        .tokens["tokens"]
        .to_padded()
        .long()
    }


def test_the_constructor_keeps_the_contract() -> None:
    parameters = list(inspect.signature(SequenceClassifier).parameters.values())
    assert [parameter.name for parameter in parameters[: len(CONTRACT)]] == CONTRACT
    assert all(parameter.default is None for parameter in parameters[3 : len(CONTRACT)])
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters[len(CONTRACT) :])


def test_forward_takes_padded_ids_and_returns_logits_probabilities_and_loss() -> None:
    model = classifier()
    tokens = ids(model, "win money", "see you at lunch")
    label = torch.tensor([2, 0])
    output = model(tokens, label)
    assert output["logits"].shape == output["class_probabilities"].shape == (2, 3)
    torch.testing.assert_close(output["class_probabilities"], output["logits"].softmax(-1))
    torch.testing.assert_close(output["loss"], torch.nn.functional.cross_entropy(output["logits"], label))
    assert "loss" not in model(tokens)


def test_padded_fields_equal_the_ragged_batch() -> None:
    model = classifier(("title", "body"))
    texts = [["win money", "see you"], ["", "a strange thing"], ["", ""], ["lunch", ""]]
    batch = index_records(model.vocab, texts).batch(torch.arange(4).numpy())
    padded = torch.zeros(4, 2, 5, dtype=torch.long)
    for record in range(4):
        for field, text in enumerate(texts[record]):
            row, _ = model.vocab.encode([text])
            padded[record, field, : len(row)] = torch.from_numpy(row)
    torch.testing.assert_close(model({"tokens": padded})["logits"], model(batch)["logits"])


def test_forward_tokens_and_output_layer_are_the_two_halves_of_forward() -> None:
    model = classifier()
    tokens = ids(model, "win money", "lunch")
    vectors = model.forward_tokens(tokens)
    assert vectors.shape == (2, 6)
    torch.testing.assert_close(model.output_layer(vectors)["logits"], model(tokens)["logits"])


def test_decode_adds_what_a_person_reads_and_keeps_the_rest() -> None:
    model = classifier()
    output = model(ids(model, "win money", "lunch"), torch.tensor([2, 0]))
    decoded = model.decode(output)
    assert decoded["logits"] is output["logits"]
    assert decoded["loss"] is output["loss"]
    for row, classes in enumerate(decoded["classes"]):
        assert list(classes) == LABELS
        assert sum(classes.values()) == pytest.approx(1, abs=1e-6)
        assert decoded["max_class"][row] == LABELS[int(output["logits"][row].argmax())]
        assert decoded["max_class_prob"][row] == max(classes.values())


def test_metrics_are_recorded_with_a_label_and_reset_on_demand() -> None:
    model = classifier()
    tokens = ids(model, "win money", "lunch", "a strange thing")
    right = model(tokens)["logits"].argmax(-1)
    model(tokens, right)
    model(tokens, (right + 1) % 3)
    figures = model.get_metrics(reset=True)
    assert figures["accuracy"] == pytest.approx(0.5)
    assert {f"{name}/{label}" for name in ("precision", "recall", "f1") for label in LABELS} <= figures.keys()
    assert {"precision_macro", "recall_macro", "f1_macro"} <= figures.keys()
    model(tokens, right)
    assert model.get_metrics()["accuracy"] == pytest.approx(1.0)


def test_a_label_called_accuracy_harms_nothing() -> None:
    model = classifier()
    model.extend_labels(["accuracy", "f1_macro"])
    tokens = ids(model, "win money", "lunch")
    model(tokens, model(tokens)["logits"].argmax(-1))
    assert model.get_metrics()["accuracy"] == pytest.approx(1.0)


def test_extend_labels_keeps_what_was_learned() -> None:
    model = classifier(loss_weights={"ham": 1.0, "odd": 2.0, "spam": 3.0})
    tokens = ids(model, "win money", "lunch")
    before, weight = model(tokens)["logits"], model.projection.weight.clone()
    model.extend_labels(["spam", "new", "newer"])
    assert model.output_classes == [*LABELS, "new", "newer"]
    assert model.num_classes == 5
    assert torch.equal(model.projection.weight[:3], weight)
    output = model(tokens, torch.tensor([4, 3]))
    torch.testing.assert_close(output["logits"][:, :3], before)
    expected = torch.nn.functional.cross_entropy(
        output["logits"], torch.tensor([4, 3]), weight=torch.tensor([1.0, 2.0, 3.0, 1.0, 1.0])
    )
    torch.testing.assert_close(output["loss"], expected)
    assert "f1/newer" in model.get_metrics()


def test_extend_labels_says_what_a_metric_of_fixed_size_needs() -> None:
    model = classifier(accuracy=MulticlassAccuracy(3, average="micro"))
    with pytest.raises(UserError, match="Give a function"):
        model.extend_labels(["new"])


def test_loss_weights_name_the_labels_that_do_not_fit() -> None:
    with pytest.raises(UserError, match="odd"):
        classifier(loss_weights={"ham": 1.0, "spam": 2.0})
    with pytest.raises(UserError, match="span"):
        classifier(loss_weights={"ham": 1.0, "odd": 1.0, "spam": 2.0, "span": 2.0})


def test_several_fields_without_a_multifield_encoder_say_what_to_give() -> None:
    vocab = vocabulary(("title", "body"))
    embedder = TextFieldEmbedder({"tokens": WordEmbedder(vocab.size(), embedding_dim=6)})
    with pytest.raises(UserError, match="multifield=bag"):
        SequenceClassifier(vocab, embedder, Bag(6, mode="mean"))
    single = classifier()
    batch = RecordBatch.from_padded({"tokens": torch.tensor([[[4, 5], [6, 0]]])})
    with pytest.raises(UserError, match="multifield=bag"):
        single(batch)


def test_the_label_space_is_readable() -> None:
    model = classifier()
    assert [model.label_for_index(index) for index in range(3)] == model.output_classes == LABELS
    assert model.n_inputs == 1


def test_parameter_names_begin_with_the_constructors_names() -> None:
    names = [name.split(".")[0] for name, _ in classifier(("title", "body")).named_parameters()]
    assert set(names) == {"text_field_embedder", "multifield_seq2vec_encoder", "projection"}


def test_a_custom_accuracy_is_used() -> None:
    model = classifier(accuracy=lambda classes: MulticlassAccuracy(classes, top_k=classes, average="micro"))
    tokens = ids(model, "win money", "lunch")
    model(tokens, (model(tokens)["logits"].argmax(-1) + 1) % 3)
    assert model.get_metrics()["accuracy"] == pytest.approx(1.0)


def test_predict_takes_dicts_lists_and_texts_and_keeps_the_order() -> None:
    model = classifier(("title", "body"))
    records = [{"title": "win money now", "body": "see you"}, ["win", None], {"body": "lunch", "colour": "red"}]
    together = model.predict(records)
    alone = [model.predict([record])[0] for record in records]
    for one, other in zip(together, alone, strict=True):
        assert one.label == other.label
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)
        assert one.probability == max(one.probabilities.values())
    assert classifier().predict(["win money"])[0].label in LABELS
    assert model.predict([]) == []


@pytest.mark.parametrize(
    ("record", "words"), [({"tilte": "x"}, "title"), (["x"], "2"), ({"title": 3}, "must be text"), ("x", "2")]
)
def test_predict_says_what_is_wrong_with_a_record(record: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        classifier(("title", "body")).predict([record])  # type: ignore[list-item]


def test_evaluate_counts_unknown_labels_as_wrong() -> None:
    model = classifier()
    texts = ["win money", "lunch", "a strange thing", "see you"]
    labels = [prediction.label for prediction in model.predict(texts)]
    assert model.evaluate(texts, labels)["accuracy"] == pytest.approx(1.0)
    with pytest.raises(UserError, match="4 records, but 5 labels"):
        model.evaluate(texts, [*labels, labels[0]])
    figures = model.evaluate(texts, [*labels[:3], "never seen"])
    assert figures["accuracy"] == pytest.approx(0.75)
    assert figures["records"] == 4


def test_training_mode_survives_prediction() -> None:
    model = classifier().train()
    model.predict(["win"])
    assert model.training


def with_wide_term() -> SequenceClassifier:
    model = classifier()
    model.wide = WideNgrams(model.vocab.size(), model.num_classes, buckets=100)
    model.wide.count([RecordBatch.from_padded(ids(model, "win money now", "see you at lunch"))])
    torch.nn.init.normal_(model.wide.weight)
    return model


def test_the_margins_of_a_wide_term_are_added_to_the_logits_and_its_loss_to_theirs() -> None:
    model, plain = with_wide_term(), classifier()
    tokens, labels = ids(model, "win money", "lunch now"), torch.tensor([2, 0])
    out, deep = model(tokens, labels), plain(tokens, labels)
    assert model.wide is not None
    margins = model.wide(RecordBatch.from_padded(tokens))
    torch.testing.assert_close(out["logits"], deep["logits"] + model.wide.scale * margins)
    torch.testing.assert_close(out["loss"], deep["loss"] + model.wide.mean_hinge(margins, labels))


@pytest.mark.parametrize("scaler", [None, torch.amp.GradScaler("cpu", init_scale=1024.0)])
def test_the_wide_term_steps_by_itself_at_its_share_of_the_rate(scaler: torch.amp.GradScaler | None) -> None:
    model = with_wide_term()
    assert model.wide is not None
    optimizer = torch.optim.SGD([model.projection.weight], lr=0.5)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.25)
    loss = model(ids(model, "win money"), torch.tensor([2]))["loss"]
    (gradient,) = torch.autograd.grad(loss, [model.wide.weight], retain_graph=True)
    (loss if scaler is None else scaler.scale(loss)).backward()
    expected = model.wide.weight.detach() - 0.25 * 8 * model.wide.lr * gradient.to_dense()
    model.wide.curvature.fill_(1e-3)
    model.examples = 8  # of both batches of the step
    plugin = SimpleNamespace(scaler=scaler)  # Lightning's own has none but for 16-mixed
    model.trainer = SimpleNamespace(world_size=1, accumulate_grad_batches=2, precision_plugin=plugin)  # type: ignore[assignment]
    model.on_before_optimizer_step(optimizer)
    torch.testing.assert_close(model.wide.weight.detach(), expected)
    assert model.wide.weight.grad is None
    assert model.projection.weight.grad is not None


def test_extend_labels_keeps_what_the_wide_term_has_learned() -> None:
    model = with_wide_term()
    before = model(ids(model, "win money"))["logits"]
    model.extend_labels(["new"])
    torch.testing.assert_close(model(ids(model, "win money"))["logits"][:, :3], before)
