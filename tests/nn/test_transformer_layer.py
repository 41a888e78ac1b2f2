import torch
from torch import nn

from seqclf.nn.transformer_layer import TransformerLayer

OURS_TO_TORCHS = {
    "attention_norm": "norm1",
    "queries_keys_values.weight": "self_attn.in_proj_weight",
    "queries_keys_values.bias": "self_attn.in_proj_bias",
    "attention_output": "self_attn.out_proj",
    "feedforward.0": "norm2",
    "feedforward.1": "linear1",
    "feedforward.3": "linear2",
}


def test_it_equals_torchs_own_layer() -> None:
    layer = TransformerLayer(8, num_heads=2, feedforward_hidden_dim=16, dropout=0.0).double()
    reference = nn.TransformerEncoderLayer(8, 2, 16, 0.0, "gelu", batch_first=True, norm_first=True).double()
    weights = {}
    for name, weight in layer.state_dict().items():
        ours = next(ours for ours in OURS_TO_TORCHS if name.startswith(ours))
        weights[name.replace(ours, OURS_TO_TORCHS[ours])] = weight
    reference.load_state_dict(weights)
    x = torch.randn(3, 6, 8, dtype=torch.float64)
    padding = torch.arange(6) >= torch.tensor([[6], [2], [4]])
    penalty = torch.zeros(3, 6, dtype=torch.float64).masked_fill(padding, -torch.inf)[:, None, None]
    out, expected = layer(x, penalty), reference(x, src_key_padding_mask=padding)
    torch.testing.assert_close(out[~padding], expected[~padding], rtol=0, atol=1e-12)


def test_dropout_acts_in_training_alone() -> None:
    layer = TransformerLayer(8, num_heads=2, feedforward_hidden_dim=16, dropout=0.5)
    x, penalty = torch.randn(3, 6, 8), torch.zeros(3, 1, 1, 6)
    assert not torch.equal(layer.train()(x, penalty), layer(x, penalty))
    assert torch.equal(layer.eval()(x, penalty), layer(x, penalty))
