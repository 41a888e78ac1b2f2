from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._dynamo.testing import CompileCounter

from seqclf.data.indexing import index_records
from seqclf.nn.pretrained_embedder import PretrainedEmbedder
from seqclf.ragged import Ragged
from seqclf.text.pretrained_tokens import PretrainedTokens
from seqclf.text.vocabulary import Vocabulary
from tests.backbones import WORDS, make_backbone

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # torch's compiler warns of torch's own code


def batches(vocab: Vocabulary, number: int) -> Iterator[Ragged]:
    """Batches of all sizes, of rows of all lengths."""
    rng = np.random.default_rng(1)
    for size in rng.integers(1, 9, number):
        texts = [[" ".join(rng.choice(WORDS, rng.integers(1, 25)))] for _ in range(size)]
        yield index_records(vocab, texts).batch(np.arange(size)).tokens["tokens"]


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_one_graph_is_for_rows_of_all_lengths(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_backbone(tmp_path, kind)
    tokens = PretrainedTokens(str(folder))
    vocab = Vocabulary(tokens.train([]), ["x"], ("text",), frame=tokens.frame)
    plain, model = (
        PretrainedEmbedder(vocab.size(), tokens.frame.special_ids, str(folder), dropout=0.0) for _ in range(2)
    )
    counter, compile_ = CompileCounter(), torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda function, dynamic: compile_(function, dynamic=dynamic, backend=counter)
    )
    torch._dynamo.reset()
    model.compile_kernel()
    for ids in batches(vocab, 30):
        out, expected = model(ids).values, plain(ids).values
        torch.testing.assert_close(out, expected, rtol=0, atol=1e-5)
        out.sum().backward()
    assert 1 <= counter.frame_count <= 3  # one, and one where a rectangle has a single row or column
    assert all(parameter.grad is not None for parameter in model.backbone.parameters())
    with torch.no_grad():
        for ids in batches(vocab, 30):
            torch.testing.assert_close(model(ids).values, plain(ids).values, rtol=0, atol=1e-5)
    assert counter.frame_count <= 6
