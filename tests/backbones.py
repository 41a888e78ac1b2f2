"""Tiny models of transformers with random weights, and a tokenizer of a few words, made where a test needs them."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

TEXT = "the a cat dog sat ran on under mat tree red blue big small quickly then it was and 1 2 3 . , ? !"
WORDS = TEXT.split(" ")
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 34,
}
KINDS: dict[str, dict[str, Any]] = {
    "bert": SMALL,
    "roberta": {**SMALL, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 34},
    "electra": {**SMALL, "embedding_size": 8},
    "xlm-roberta": {**SMALL, "type_vocab_size": 1, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    "mpnet": {**SMALL, "pad_token_id": 1},
    "deberta-v2": {**SMALL, "relative_attention": True, "pos_att_type": ["p2c", "c2p"], "type_vocab_size": 0},
}


def make_backbone(folder: Path, kind: str = "bert", seed: int = 1, **options: Any) -> Path:
    """A folder with the configuration, weights and tokenizer of a tiny model."""
    from transformers import AutoConfig, AutoModel, PreTrainedTokenizerFast

    roberta = "roberta" in kind or kind == "mpnet"
    special = ROBERTA if roberta else BERT
    first, last, pad, unknown = ("<s>", "</s>", "<pad>", "<unk>") if roberta else ("[CLS]", "[SEP]", "[PAD]", "[UNK]")
    vocab = {word: place for place, word in enumerate([*special, *WORDS, *(f"##{letter}" for letter in "sxyz")])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token=unknown))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    between = f"{last} {last}" if roberta else last
    second = "$B:0" if roberta else "$B:1"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {between} {second} {last}" + ("" if roberta else ":1"),
        special_tokens=[(first, vocab[first]), (last, vocab[last])],
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token=first,
        sep_token=last,
        pad_token=pad,
        unk_token=unknown,
        mask_token=special[-1],
        model_max_length=32,
    )
    fast.save_pretrained(folder)
    torch.manual_seed(seed)
    model = AutoModel.from_config(AutoConfig.for_model(kind, vocab_size=len(vocab), **{**KINDS[kind], **options}))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)  # no norm is at 1, no bias at 0
    model.save_pretrained(folder)
    return folder
