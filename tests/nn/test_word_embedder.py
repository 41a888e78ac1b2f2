from pathlib import Path

import pytest
import torch

from seqclf.batch import SPECIAL_TOKENS, UNKNOWN
from seqclf.errors import UserError
from seqclf.nn.word_embedder import WordEmbedder
from seqclf.ragged import Ragged

ROWS = [[5, 6, 7], [4], [6, 7]]


def ids() -> Ragged:
    return Ragged.from_sequences(ROWS)


def test_each_id_gets_its_row_of_the_table() -> None:
    embedder, sequences = WordEmbedder(10, 4), ids()
    out = embedder(sequences)
    assert out.rows is sequences.rows
    assert torch.equal(out.values, embedder.embedding.weight[[5, 6, 7, 4, 6, 7]])


def test_vectors_start_normal_around_zero() -> None:
    weight = WordEmbedder(2000, 50, std=0.2).embedding.weight
    assert weight.mean().item() == pytest.approx(0, abs=0.005)
    assert weight.std().item() == pytest.approx(0.2, abs=0.005)


def test_special_tokens_start_at_zero() -> None:
    weight = WordEmbedder(20, 4).embedding.weight
    assert (weight.abs().sum(1) == 0).tolist() == [True] * len(SPECIAL_TOKENS) + [False] * 16


def test_ngrams_are_added_to_the_words() -> None:
    embedder, words = WordEmbedder(10, 4, ngrams=2, buckets=50), WordEmbedder(10, 4)
    words.embedding.weight.data = embedder.embedding.weight.data
    assert embedder.ngrams is not None
    torch.nn.init.normal_(embedder.ngrams.embedding.weight)
    added = embedder(ids()).values - words(ids()).values
    assert (added.abs().sum(1) > 0).tolist() == [False, True, True, False, False, True]
    torch.testing.assert_close(added[2], added[5])  # (6, 7), wherever it stands
    assert embedder.output_dim == 4


def test_ngrams_may_stand_beside_the_words() -> None:
    embedder = WordEmbedder(10, 4, ngrams=2, buckets=50, combine="concat")
    assert embedder.ngrams is not None
    torch.nn.init.normal_(embedder.ngrams.embedding.weight)
    out = embedder(ids()).values
    assert out.shape == (6, embedder.output_dim) == (6, 8)
    assert torch.equal(out[:, :4], embedder.embedding.weight[[5, 6, 7, 4, 6, 7]])
    assert (out[:, 4:].abs().sum(1) > 0).tolist() == [False, True, True, False, False, True]


def test_words_alone_are_no_wider_for_concat() -> None:
    assert WordEmbedder(10, 4, combine="concat").output_dim == 4


def test_dropped_words_are_unknown_words_in_training_alone() -> None:
    embedder = WordEmbedder(10, 4, word_dropout=0.5)
    sequences = Ragged.from_sequences([[5] * 1000])
    unknown = embedder.embedding.weight[UNKNOWN]
    dropped = (embedder.train()(sequences).values == unknown).all(dim=1).float().mean().item()
    assert dropped == pytest.approx(0.5, abs=0.08)
    assert torch.equal(embedder.eval()(sequences).values, embedder.embedding.weight[[5] * 1000])
    assert sequences.values.unique().tolist() == [5]


def test_dropout_acts_in_training_alone() -> None:
    embedder = WordEmbedder(10, 4, dropout=0.5)
    assert (embedder.train()(ids()).values == 0).any()
    assert not (embedder.eval()(ids()).values == 0).any()


@pytest.mark.parametrize("ngrams", [1, 2])
def test_sparse_gradients_equal_dense_ones(ngrams: int) -> None:
    gradients = []
    for sparse in (True, False):
        torch.manual_seed(0)
        embedder = WordEmbedder(10, 4, ngrams=ngrams, buckets=50, sparse=sparse)
        embedder(ids()).values.square().sum().backward()
        assert all(parameter.grad.is_sparse == sparse for parameter in embedder.parameters())
        gradients.append([parameter.grad.to_dense() for parameter in embedder.parameters()])
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    "wrong",
    [{"embedding_dim": 0}, {"ngrams": 0}, {"buckets": 0}, {"dropout": 1}, {"word_dropout": -1}, {"std": -1},
     {"combine": "add"}],
)  # fmt: skip
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        WordEmbedder(10, **wrong)


WORDS = [*SPECIAL_TOKENS, "the", "cat", "sat"]


@pytest.fixture
def glove(tmp_path: Path) -> str:
    path = tmp_path / "glove.txt"
    path.write_text("cat 1 2 3\nelse 4 5 6\nthe 7 8 9\n")
    return str(path)


@pytest.mark.parametrize("freeze", [False, True])
def test_words_start_with_the_vectors_of_a_file_and_may_stay_there(glove: str, freeze: bool) -> None:
    torch.manual_seed(1)
    without = WordEmbedder(7, 3)
    torch.manual_seed(1)
    embedder = WordEmbedder(7, 3, vectors=glove, freeze=freeze, words=WORDS)
    weight = embedder.embedding.weight
    assert weight[4:6].tolist() == [[7, 8, 9], [1, 2, 3]]
    assert torch.equal(weight[[0, 1, 2, 3, 6]], without.embedding.weight[[0, 1, 2, 3, 6]])
    assert weight.requires_grad is not freeze


def test_vectors_of_another_width_are_refused_with_theirs(glove: str) -> None:
    with pytest.raises(UserError, match=r"have 3 numbers, but `embedding_dim` is 4. Set it to 3"):
        WordEmbedder(7, 4, vectors=glove, words=WORDS)
