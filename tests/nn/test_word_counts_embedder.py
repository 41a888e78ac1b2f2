from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from seqclf.batch import SPECIAL_TOKENS
from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.nn.word_counts_embedder import WordCountsEmbedder
from seqclf.ragged import Ragged

WORDS = [*SPECIAL_TOKENS, "a", "b", "c", "d", "rare"]
TRAINING = ["a b a c", "b", "a d d d", "c a"]
OTHERS = ["a a a b zz", "d c b a d", "rare a", "zz", "b b"]


def ids_of(texts: list[str]) -> Ragged:
    return Ragged.from_sequences(
        [[WORDS.index(word) if word in WORDS else 1 for word in text.split()] for text in texts]
    )


def summed(embedder: WordCountsEmbedder, texts: list[str]) -> torch.Tensor:
    return Bag(embedder.output_dim, "sum")(embedder(ids_of(texts)))


@pytest.mark.parametrize(
    ("use_idf", "sublinear_tf", "binary", "norm"),
    [*product([True, False], [True, False], [False], ["l1", "l2", None]), (True, False, True, "l2")],
)
def test_summed_up_it_is_a_linear_layer_on_what_scikit_learn_counts(
    use_idf: bool, sublinear_tf: bool, binary: bool, norm: Any
) -> None:
    options: dict[str, Any] = {"use_idf": use_idf, "sublinear_tf": sublinear_tf, "binary": binary, "norm": norm}
    embedder = WordCountsEmbedder(len(WORDS), 3, **options).double()
    if use_idf:
        embedder.count([ids_of(TRAINING[:2]), ids_of(TRAINING[2:])])
    vectorizer = TfidfVectorizer(token_pattern=r"\S+", **options).fit(TRAINING)
    rows = [WORDS.index(word) for word in vectorizer.get_feature_names_out()]
    counted = torch.from_numpy(vectorizer.transform(OTHERS).toarray())
    if not use_idf:  # "rare" is known here and not there, so that it counts in a row's length
        counted[2] = torch.nan
    expected = counted @ embedder.embedding.weight[rows]
    known = ~expected.isnan().any(dim=1)
    torch.testing.assert_close(summed(embedder, OTHERS)[known], expected[known], rtol=0, atol=1e-12)


def test_without_any_option_it_counts() -> None:
    embedder = WordCountsEmbedder(len(WORDS), 3, use_idf=False, norm=None).double()
    counts = CountVectorizer(vocabulary=WORDS, token_pattern=r"\S+").transform(OTHERS).toarray()
    expected = torch.from_numpy(counts.astype(np.float64)) @ embedder.embedding.weight
    torch.testing.assert_close(summed(embedder, OTHERS), expected, rtol=0, atol=1e-12)
    assert not list(embedder.buffers())


def test_unknown_words_and_special_tokens_say_nothing() -> None:
    embedder = WordCountsEmbedder(len(WORDS), 3)
    assert not embedder(Ragged.from_sequences([[1], [2], [3, 3]])).values.any()


def test_counting_again_begins_anew_and_is_kept_with_the_weights() -> None:
    embedder = WordCountsEmbedder(len(WORDS), 3)
    for _ in range(2):
        embedder.count([ids_of(TRAINING)])
    assert embedder.documents == 4
    assert embedder.document_frequency.tolist() == [0, 0, 0, 0, 3, 2, 2, 1, 0]
    assert {"document_frequency", "documents"} <= set(embedder.state_dict())


@pytest.mark.parametrize("wrong", [{"embedding_dim": 0}, {"std": -1}, {"dropout": 1}, {"norm": "l3"}])
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        WordCountsEmbedder(9, **wrong)
