import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seqclf.nn.hashed_ngrams import HashedNgrams, mix, ngram_starts
from seqclf.ragged import Ragged, Rows

some_rows = st.lists(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=6), min_size=1, max_size=5)
BUCKETS = 97
FULL = 2**64 - 1


def mixed(x: int) -> int:
    """MurmurHash3's finaliser, in Python's own numbers."""
    for multiplier in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        x = (x ^ x >> 33) * multiplier & FULL
    return x ^ x >> 33


def bucket(words: list[int]) -> int:
    hashed = words[0]
    for word in words[1:]:
        hashed = mixed(hashed * 0x9E3779B97F4A7C15 + word & FULL)
    signed = hashed - 2**64 if hashed >= 2**63 else hashed
    return signed % BUCKETS


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_mixing_is_murmurs_finaliser(numbers: list[int]) -> None:
    assert [x % 2**64 for x in mix(torch.tensor(numbers)).tolist()] == [mixed(x % 2**64) for x in numbers]


@given(some_rows, st.integers(2, 4))
@settings(max_examples=30)
def test_a_token_gets_the_vectors_of_the_ngrams_that_end_there_in_its_row(
    sequences: list[list[int]], longest: int
) -> None:
    ngrams = HashedNgrams(3, longest, BUCKETS)
    torch.nn.init.normal_(ngrams.embedding.weight)
    table = ngrams.embedding.weight.double()
    expected = []
    for row in sequences:
        for end in range(len(row)):
            spans = [row[end - n + 1 : end + 1] for n in range(2, longest + 1) if end - n + 1 >= 0]
            expected.append(sum((table[bucket(span)] for span in spans), torch.zeros(3).double()))
    ids = Ragged.from_sequences(sequences)
    onto = torch.ones(ids.rows.num_values, 3, dtype=torch.float64)
    out = ngrams.double()(ids, onto.clone())
    torch.testing.assert_close(out, onto + torch.stack(expected), rtol=0, atol=1e-12)


def test_the_table_starts_at_zero() -> None:
    onto = torch.randn(5, 3)
    out = HashedNgrams(3, 2, BUCKETS)(Ragged.from_sequences([[4, 5, 6, 7, 8]]), onto.clone())
    assert torch.equal(out, onto)


def test_pairs_spread_evenly_over_the_buckets() -> None:
    words = torch.arange(300)
    first, second = words.repeat_interleave(300), words.repeat(300)
    ids = Ragged(torch.stack([first, second], 1).flatten(), Rows.from_lengths([2] * 90_000))
    ngrams = HashedNgrams(1, 2, 1000).double()
    ngrams(ids, torch.zeros(180_000, 1).double()).sum().backward()
    counts = ngrams.embedding.weight.grad[:, 0]  # how many pairs fell into each bucket
    chi_square = ((counts - 90) ** 2 / 90).sum().item()
    assert 800 < chi_square < 1200  # of 999 degrees of freedom: 999 +- 45


def test_the_index_of_ngrams_is_kept_beside_the_rows() -> None:
    rows, cpu = Rows.from_lengths([3, 1, 2]), torch.device("cpu")
    assert ngram_starts(rows, 2, cpu).tolist() == [0, 1, 4]
    assert ngram_starts(rows, 3, cpu).tolist() == [0]
    assert ngram_starts(rows, 2, cpu) is ngram_starts(rows, 2, cpu)
