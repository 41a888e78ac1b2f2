"""One layer of a transformer (Vaswani et al. 2017)."""

from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


class TransformerLayer(nn.Module):
    """Self-attention and a feed-forward network, each normalised before and added to what it read.

    Equal to `nn.TransformerEncoderLayer(norm_first=True)` but for dropout, which is only where the paper has it: on the
    output of each of the two. Inside the attention it would keep torch off its fast kernels: a step would take half as
    long again.

    Args:
        hidden_size: width of the vectors in, and out, `H`.
        num_heads: how many heads attend; they divide `hidden_size`.
        feedforward_hidden_dim: width inside the feed-forward network.
        dropout: share of each output left out in training.
    """

    def __init__(self, hidden_size: int, num_heads: int, feedforward_hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.attention_norm = nn.LayerNorm(hidden_size)
        self.queries_keys_values = nn.Linear(hidden_size, 3 * hidden_size)
        self.attention_output = nn.Linear(hidden_size, hidden_size)
        self.feedforward = nn.Sequential(
            nn.LayerNorm(hidden_size),
            nn.Linear(hidden_size, feedforward_hidden_dim),
            nn.GELU(),
            nn.Linear(feedforward_hidden_dim, hidden_size),
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, penalty: Tensor) -> Tensor:
        """Let every vector look at every other of its row.

        Args:
            x: `(S, L, H)`.
            penalty: `(S, 1, 1, L)`, minus infinity at the padding, else zero.

        Returns:
            `(S, L, H)`.
        """
        split = self.queries_keys_values(self.attention_norm(x)).unflatten(2, (3, self.num_heads, -1))
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # each (S, heads, L, H / heads)
        attended = scaled_dot_product_attention(queries, keys, values, attn_mask=penalty.to(queries.dtype))
        x = x + self.dropout(self.attention_output(attended.transpose(1, 2).flatten(2)))
        out: Tensor = x + self.dropout(self.feedforward(x))
        return out
