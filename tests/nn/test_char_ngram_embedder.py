import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.char_ngram_embedder import CharNgramEmbedder
from seqclf.ragged import Ragged, WordParts

CHARACTERS = [[4, 7, 5], [2], [4, 8, 9, 8, 9, 8, 5]]
TOKENS = [[0, 2, 0], [1], [2, 2]]
GOLDEN, MULTIPLIERS = 0x9E3779B97F4A7C15, (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)


def mix(x: int) -> int:
    for multiplier in MULTIPLIERS:
        x = ((x ^ (x >> 33)) * multiplier) % 2**64
    return x ^ (x >> 33)


def bucket(ngram: list[int], buckets: int) -> int:
    """The n-gram's row of the table, in Python's own whole numbers."""
    hashed = ngram[0]
    for character in ngram[1:]:
        hashed = mix((hashed * GOLDEN + character) % 2**64)
    return (hashed - 2**64 if hashed >= 2**63 else hashed) % buckets


def words() -> WordParts:
    tokens = Ragged.from_sequences(TOKENS)
    return WordParts(tokens.values, tokens.rows, Ragged.from_sequences(CHARACTERS))


@pytest.mark.parametrize(("shortest", "longest"), [(3, 6), (1, 2), (2, 2), (4, 9)])
def test_a_word_is_the_mean_of_its_ngrams(shortest: int, longest: int) -> None:
    embedder = CharNgramEmbedder(5, shortest, longest, buckets=97)
    out = embedder(words()).values
    for place, word in enumerate([word for row in TOKENS for word in row]):
        characters = CHARACTERS[word]
        ngrams = [
            characters[at : at + n]
            for n in range(shortest, longest + 1)
            for at in range(len(characters) - n + 1)
        ]  # fmt: skip
        rows = [bucket(ngram, 97) for ngram in ngrams]
        expected = embedder.embedding.weight[rows].mean(0) if rows else torch.zeros(5)
        torch.testing.assert_close(out[place], expected)


@pytest.mark.parametrize(
    "wrong",
    [{"embedding_dim": 0}, {"shortest": 0}, {"longest": 2}, {"buckets": 0}, {"std": -1}, {"dropout": 1}],
)
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        CharNgramEmbedder(**wrong)
