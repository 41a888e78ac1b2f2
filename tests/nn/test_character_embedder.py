from functools import partial

import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.nn.character_embedder import CharacterEmbedder
from seqclf.nn.cnn import CnnEncoder
from seqclf.nn.seq2vec_encoder import Seq2VecEncoder
from seqclf.ragged import Ragged, Rows, WordParts

CHARACTERS = [[4, 7, 5], [2], [4, 8, 9, 8, 5]]  # of three words
TOKENS = [[0, 2, 0], [1], [2, 2]]  # which of them each token is


def words() -> WordParts:
    tokens = Ragged.from_sequences(TOKENS)
    return WordParts(tokens.values, tokens.rows, Ragged.from_sequences(CHARACTERS))


def test_a_token_is_its_word_encoded_alone() -> None:
    embedder = CharacterEmbedder(10, partial(CnnEncoder, num_filters=4, ngram_filter_sizes=[2]), embedding_dim=6)
    ids = words()
    out = embedder(ids)
    assert out.rows is ids.rows
    assert out.values.shape == (6, embedder.output_dim) == (6, 4)
    for place, word in enumerate([word for row in TOKENS for word in row]):
        vectors = embedder.embedding(torch.tensor(CHARACTERS[word]))
        alone = embedder.encoder(Ragged(vectors, Rows.from_lengths([len(vectors)])))
        torch.testing.assert_close(out.values[place], alone[0])


def test_a_word_is_encoded_once_however_often_it_stands_there() -> None:
    seen = []

    class Watching(Bag):
        def forward(self, sequences: Ragged) -> torch.Tensor:
            seen.append(len(sequences))
            return super().forward(sequences)

    CharacterEmbedder(10, Watching)(words())
    assert seen == [3]


def test_padded_ids_are_said_to_show_no_characters() -> None:
    embedder = CharacterEmbedder(10, Bag)
    with pytest.raises(UserError, match="looks inside of words"):
        embedder(Ragged.from_sequences(TOKENS))


@pytest.mark.parametrize("wrong", [{"embedding_dim": 0}, {"dropout": 1.0}])
def test_arguments_out_of_range_are_refused_by_name(wrong: dict[str, float]) -> None:
    encoder: type[Seq2VecEncoder] = Bag
    with pytest.raises(UserError, match=f"`{next(iter(wrong))}`"):
        CharacterEmbedder(10, encoder, **wrong)
