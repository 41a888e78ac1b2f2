from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer
from torch import Tensor

from seqclf.batch import RecordBatch
from seqclf.errors import UserError
from seqclf.nn.wide_ngrams import WideNgrams
from seqclf.ragged import Ragged, Rows, WordParts
from seqclf.text.characters import Characters

VOCAB_SIZE = 12
some_texts = st.lists(st.lists(st.integers(4, VOCAB_SIZE - 1), min_size=1, max_size=8), min_size=1, max_size=6)


def batch(texts: list[list[int]]) -> RecordBatch:
    return RecordBatch({"tokens": Ragged.from_sequences(texts)}, Rows.from_lengths([1] * len(texts)))


def wide(**options: float) -> WideNgrams:
    return WideNgrams(VOCAB_SIZE, 3, buckets=2**16, **options).double()  # type: ignore[arg-type]


def gram_matrix(part: WideNgrams, records: RecordBatch) -> Tensor:
    """The inner products of the records' features."""
    features, values, record = part._tf_idf(records)
    rows = torch.zeros(len(records), len(part.document_frequency), dtype=torch.float64)
    rows.index_put_((record, features), values, accumulate=True)
    return rows @ rows.T


@given(some_texts, some_texts)
@settings(max_examples=25, deadline=None)
def test_the_features_are_scikit_learns_sublinear_tf_idf(seen: list[list[int]], asked: list[list[int]]) -> None:
    part = wide()
    part.count([batch(seen)])
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, analyzer="word", token_pattern=r"\S+")
    vectorizer.fit([" ".join(map(str, text)) for text in seen])
    rows = vectorizer.transform([" ".join(map(str, text)) for text in asked]).toarray()
    torch.testing.assert_close(gram_matrix(part, batch(asked)), torch.from_numpy(rows @ rows.T), rtol=0, atol=1e-12)


KNOWN = ["on", "tune", "tuner", "a", "untuned"]
LETTERS = sorted(set("".join(KNOWN)))
some_words = st.lists(st.lists(st.sampled_from(KNOWN), min_size=1), min_size=1, max_size=4)


@given(some_words, some_words)
@settings(max_examples=15, deadline=None)
def test_the_character_ngrams_are_scikit_learns_too(seen: list[list[str]], asked: list[list[str]]) -> None:
    part = wide(char_weight=0.5, shortest=2, longest=4)
    part.count([batch_of_words(seen)])
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+")
    characters = TfidfVectorizer(sublinear_tf=True, analyzer=ngrams_inside_of_words)
    expected = torch.zeros(len(asked), len(asked), dtype=torch.float64)
    for vectorizer, weight in ((words, 1.0), (characters, 0.5)):
        vectorizer.fit([" ".join(text) for text in seen])
        rows = weight * vectorizer.transform([" ".join(text) for text in asked]).toarray()
        expected += torch.from_numpy(rows @ rows.T)
    torch.testing.assert_close(gram_matrix(part, batch_of_words(asked)), expected, rtol=0, atol=1e-12)


def batch_of_words(texts: list[list[str]]) -> RecordBatch:
    characters = Characters.fit(dict.fromkeys(LETTERS, 1))
    distinct = sorted({word for text in texts for word in text})
    ids = Ragged.from_sequences([[4 + KNOWN.index(word) for word in text] for text in texts])
    numbers = torch.tensor([distinct.index(word) for text in texts for word in text])
    parts = Ragged.from_sequences([characters.parts(word) for word in distinct])
    return RecordBatch(
        {"tokens": ids, "characters": WordParts(numbers, ids.rows, parts)}, Rows.from_lengths([1] * len(texts))
    )


def ngrams_inside_of_words(text: str) -> list[str]:
    marked = [f"<{word}>" for word in text.split()]
    return [word[at : at + n] for word in marked for n in (2, 3, 4) for at in range(len(word) - n + 1)]


def test_character_ngrams_of_records_without_characters_are_refused() -> None:
    with pytest.raises(UserError, match="char_weight"):
        wide(char_weight=0.5)(batch([[4, 5]]))


@pytest.mark.parametrize("weight", [None, torch.tensor([0.5, 1.0, 3.0]).double()])
def test_the_hinge_of_any_number_of_labels_is_that_of_each_class_against_the_rest(weight: Tensor | None) -> None:
    margins = torch.randn(5, 3, dtype=torch.float64)
    labels = torch.tensor([[0, 0, 0], [1, 0, 1], [1, 1, 1], [0, 1, 0], [1, 0, 0]])
    expected = 0.0
    for row, gold in zip(margins.tolist(), labels.tolist(), strict=True):
        for index, (margin, has) in enumerate(zip(row, gold, strict=True)):
            having = 1.0 if weight is None else float(weight[index])
            counted = (having if has else 1.0) / max(having, 1.0)  # no more than 1, which the rate is for
            expected += counted * max(0.0, 1 - margin if has else 1 + margin) ** 2 / 5
    assert float(wide().mean_hinge(margins, labels, weight)) == pytest.approx(expected, rel=1e-12)
    labels[1] -= 2  # it has labels besides which are not among the classes
    assert float(wide().mean_hinge(margins, labels, weight)) == pytest.approx(expected, rel=1e-12)
    one = torch.tensor([2, 0, 1, 1, 2])
    rows = torch.nn.functional.one_hot(one, 3)
    torch.testing.assert_close(wide().mean_hinge(margins, rows), wide().mean_hinge(margins, one))


def test_counting_in_pieces_is_counting_at_once() -> None:
    texts = [[4, 5, 4], [5, 6], [7]]
    whole, pieces = wide(), wide()
    whole.count([batch(texts)])
    pieces.count(batch([text]) for text in texts)
    torch.testing.assert_close(pieces.document_frequency, whole.document_frequency, rtol=0, atol=0)
    assert pieces.documents == whole.documents == 3


def test_fields_of_a_record_are_one_document_and_no_ngram_lies_across_them() -> None:
    part = wide()
    tokens = Ragged.from_sequences([[4, 5], [6], [4, 5, 6]])
    part.count([RecordBatch({"tokens": tokens}, Rows.from_lengths([2, 1]))])
    assert part.documents == 2
    counts = sorted(part.document_frequency[part.document_frequency > 0].tolist())
    assert counts == [1, 2, 2, 2, 2]  # 5 6 is in the second record alone; 4, 5, 6 and 4 5 are in both


def test_margins_are_the_weights_of_the_features_and_a_bias() -> None:
    part, texts = wide(), [[4, 5, 4], [5], [9, 9]]
    part.count([batch(texts)])
    torch.nn.init.normal_(part.weight)
    torch.nn.init.normal_(part.bias)
    for row, text in zip(part(batch(texts)), texts, strict=True):
        features, values, _ = part._tf_idf(batch([text]))
        expected = sum(value * part.weight[feature] for feature, value in zip(features, values, strict=True))
        torch.testing.assert_close(row, expected + part.bias, rtol=0, atol=1e-12)


def test_a_record_of_unknown_features_has_the_bias_alone() -> None:
    part = wide()
    part.count([batch([[4, 5]])])
    torch.nn.init.normal_(part.weight)
    torch.nn.init.normal_(part.bias)
    torch.testing.assert_close(part(batch([[8, 9]]))[0], part.bias, rtol=0, atol=0)


def test_the_hinge_is_squared_and_one_against_the_rest() -> None:
    part = wide()
    margins = torch.tensor([[2.0, -0.5, 0.5], [0.0, 0.0, 0.0], [9.0, 9.0, 9.0]])
    labels = torch.tensor([0, 1, -1])
    expected = 0.5**2 + 1.5**2, 1.0 + 1.0 + 1.0
    assert part.mean_hinge(margins, labels).item() == pytest.approx(sum(expected) / 2)
    weight = torch.tensor([2.0, 3.0, 5.0])
    assert part.mean_hinge(margins, labels, weight).item() == pytest.approx(
        (2 * expected[0] + 3 * expected[1]) / (2 + 3)
    )


@pytest.mark.parametrize("sparse", [True, False])
def test_it_descends_to_what_a_linear_svm_finds(sparse: bool) -> None:
    generator = np.random.default_rng(3)
    texts = [generator.integers(4, VOCAB_SIZE, size=5).tolist() for _ in range(60)]
    labels = torch.tensor([min(text) % 3 for text in texts])
    part = wide(sparse=sparse)
    part.count([batch(texts)])
    for step in range(300):
        part.mean_hinge(part(batch(texts)), labels).backward()
        part.descend(len(texts), 1 - step / 300)
        assert part.weight.grad is None
    assert (part(batch(texts)).argmax(dim=1) == labels).float().mean() > 0.95


def test_the_curvature_is_twice_the_largest_eigenvalue_of_the_second_moments() -> None:
    part, texts = wide(), [[4, 5, 4], [5, 6], [7], [4, 6, 7, 8]]
    part.count([batch(texts)])
    largest = torch.linalg.eigvalsh(gram_matrix(part, batch(texts))).max() / len(texts)
    assert part.curvature.item() == pytest.approx(2 * largest.item(), rel=1e-3)


@pytest.mark.parametrize("records", [8, 512])
@pytest.mark.parametrize("lr", [0.3, 1000.0])
def test_it_goes_down_however_few_features_there_are(records: int, lr: float) -> None:
    texts = [[4 + row % 2] for row in range(records)]  # one feature each, as a column of categories gives
    labels = torch.arange(records) % 2
    part = wide(lr=lr)
    part.count([batch(texts)])
    losses = []
    for _ in range(40):
        loss = part.mean_hinge(part(batch(texts)), labels)
        loss.backward()
        part.descend(records)
        losses.append(loss.item())
    assert all(later <= earlier for earlier, later in pairwise(losses))
    assert losses[-1] < 0.1 * losses[0]


def test_new_classes_leave_the_old_margins_as_they_are() -> None:
    part, texts = wide(), [[4, 5, 4], [5]]
    part.count([batch(texts)])
    torch.nn.init.normal_(part.weight)
    before = part(batch(texts))
    part.extend(5)
    after = part(batch(texts))
    torch.testing.assert_close(after[:, :3], before, rtol=0, atol=0)
    assert not after[:, 3:].any()


@pytest.mark.parametrize(
    "options", [{"ngrams": 0}, {"buckets": 0}, {"lr": -1.0}, {"scale": -1.0}, {"char_weight": -1.0}, {"longest": 2}]
)
def test_an_argument_out_of_its_range_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(UserError):
        WideNgrams(VOCAB_SIZE, 3, **options)  # type: ignore[arg-type]
