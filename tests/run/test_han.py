"""The hierarchical attention network is a composition of parts, and equal to the paper's."""

import numpy as np
import numpy.typing as npt
import torch

from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.data.indexing import index_records
from seqclf.nn.attention import AttentionPooling
from seqclf.nn.recurrent import RecurrentSeq2SeqEncoder
from seqclf.run.compose import compose, plain
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

TEXTS = [["Win money now! See you at lunch, then. Money."], ["Lunch"], ["A strange thing. Money?"]]
Array = npt.NDArray[np.float64]


def built(*overrides: str) -> SequenceClassifier:
    torch.manual_seed(0)
    config = plain(compose("experiment=han", "seq2seq.hidden_size=4", "multifield_seq2seq.hidden_size=3", *overrides))
    tokenizer = Tokenization().train(text for record in TEXTS for text in record)
    vocab = Vocabulary(tokenizer, ["ham", "spam"], ["text"], segment=config["tokens"]["segment"])
    model = build_classifier(config, vocab)
    assert isinstance(model, SequenceClassifier)
    return model.double().eval()


def sigmoid(x: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-x)))


def states(layer: torch.nn.GRU, row: Array) -> Array:
    """The GRU of the paper (section 2.1), one vector after another."""
    of_input, of_state = layer.weight_ih_l0.detach().numpy(), layer.weight_hh_l0.detach().numpy()
    input_bias, state_bias = layer.bias_ih_l0.detach().numpy(), layer.bias_hh_l0.detach().numpy()
    state, out = np.zeros(of_state.shape[1]), []
    for x in row:
        (r, z, n), (r_h, z_h, n_h) = (
            (of_input @ x + input_bias).reshape(3, -1),
            (of_state @ state + state_bias).reshape(3, -1),
        )
        new = np.tanh(n + sigmoid(r + r_h) * n_h)
        state = (1 - sigmoid(z + z_h)) * new + sigmoid(z + z_h) * state
        out.append(state)
    return np.stack(out)


def read(encoder: RecurrentSeq2SeqEncoder, attention: AttentionPooling, row: Array) -> Array:
    """Both directions of the GRU, weighed by attention."""
    ahead, back = encoder.forward_layers[0], encoder.backward_layers[0]
    h = np.concatenate([states(ahead, row), states(back, row[::-1])[::-1]], axis=1)
    weight, bias = attention.projection.weight.detach().numpy(), attention.projection.bias.detach().numpy()
    scores = np.exp(np.tanh(h @ weight.T + bias) @ attention.context.weight.detach().numpy()[0])
    return np.asarray((scores / scores.sum()) @ h)


def test_it_is_the_paper_word_by_word_and_sentence_by_sentence() -> None:
    model = built()
    batch = index_records(model.vocab, TEXTS).batch(np.arange(len(TEXTS)))
    assert batch.records.lengths.tolist() == [3, 1, 2]
    with torch.no_grad():
        words = model.text_field_embedder(batch.tokens)
    sentences = [
        read(model.seq2seq_encoder, model.seq2vec_encoder, row.numpy())
        for row in words.values.split(words.rows.lengths.tolist())
    ]
    expected = [
        read(model.multifield_seq2seq_encoder, model.multifield_seq2vec_encoder, record)
        for record in np.split(np.stack(sentences), batch.records.offsets[1:-1])
    ]
    torch.testing.assert_close(model.forward_tokens(batch), torch.from_numpy(np.stack(expected)), rtol=0, atol=1e-12)


def test_what_is_typed_wins() -> None:
    model = built("seq2seq=lstm", "encoder=cnn")
    assert type(model.seq2vec_encoder).__name__ == "CnnEncoder"
    assert isinstance(model.multifield_seq2vec_encoder, AttentionPooling)
