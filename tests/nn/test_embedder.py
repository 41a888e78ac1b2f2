import pytest
import torch

from seqclf.errors import UserError
from seqclf.nn.bag import Bag
from seqclf.nn.character_embedder import CharacterEmbedder
from seqclf.nn.embedder import TextFieldEmbedder
from seqclf.nn.word_embedder import WordEmbedder
from seqclf.ragged import Ragged, WordParts

IDS = Ragged.from_sequences([[4, 5, 4], [6]])
TOKENS = {
    "tokens": IDS,
    "characters": WordParts(torch.tensor([0, 1, 0, 1]), IDS.rows, Ragged.from_sequences([[4, 6, 5], [4, 7, 5]])),
}


def embedders(width: int = 3) -> dict[str, WordEmbedder | CharacterEmbedder]:
    return {"word": WordEmbedder(9, 3), "letters": CharacterEmbedder(9, Bag, width), "other": WordEmbedder(9, 3)}


def test_vectors_stand_side_by_side() -> None:
    parts = embedders(5)
    embedder = TextFieldEmbedder(parts)
    out = embedder(TOKENS)
    expected = [parts["word"](IDS), parts["letters"](TOKENS["characters"]), parts["other"](IDS)]
    assert out.rows is IDS.rows
    assert torch.equal(out.values, torch.cat([each.values for each in expected], dim=1))
    assert embedder.output_dim == 11


@pytest.mark.parametrize(("asked", "width"), [(None, 5), (4, 4)])
def test_vectors_are_projected_to_one_width(asked: int | None, width: int) -> None:
    parts = embedders(5)
    embedder = TextFieldEmbedder(parts, "project", asked)
    together = TextFieldEmbedder(parts)(TOKENS).values
    assert embedder.output_dim == width
    layer = embedder.projection
    torch.testing.assert_close(embedder(TOKENS).values, together @ layer.weight.T + layer.bias)


def test_vectors_are_mixed_by_learned_weights() -> None:
    parts = embedders()
    embedder = TextFieldEmbedder(parts, "mix")
    embedder.mix_weights.data = torch.tensor([0.1, -2.0, 1.0])
    embedder.mix_scale.data = torch.tensor(3.0)
    one, two, three = TextFieldEmbedder(parts)(TOKENS).values.split(3, dim=1)
    weights = torch.tensor([0.1, -2.0, 1.0]).exp()
    expected = 3 * (weights[0] * one + weights[1] * two + weights[2] * three) / weights.sum()
    torch.testing.assert_close(embedder(TOKENS).values, expected)
    assert embedder.output_dim == 3


def test_vectors_of_unequal_width_cannot_be_mixed() -> None:
    with pytest.raises(UserError, match="equally wide, but are: word 3, letters 5, other 3"):
        TextFieldEmbedder(embedders(5), "mix")


def test_a_width_that_nothing_reads_is_refused() -> None:
    with pytest.raises(UserError, match="`output_dim` is for `combine=project`"):
        TextFieldEmbedder(embedders(), "concat", 7)


def test_an_embedder_reads_the_ids_of_its_name_first() -> None:
    other = Ragged.from_sequences([[7, 7, 7], [7]])
    embedder = TextFieldEmbedder({"other": WordEmbedder(9, 3)})
    assert torch.equal(embedder({**TOKENS, "other": other}).values, embedder({"tokens": other}).values)


def test_missing_ids_are_named() -> None:
    with pytest.raises(UserError, match="reads 'characters' of each token, which is missing"):
        TextFieldEmbedder(embedders())({"tokens": IDS})
