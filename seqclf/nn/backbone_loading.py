"""A pretrained encoder of transformers as a plain module."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from seqclf.backbone import CONFIG, WEIGHTS, find_backbone, read_backbone_config
from seqclf.errors import UserError, nearest

log = logging.getLogger("seqclf")

# What the configurations of different kinds of models call the dropouts inside of their layers.
_DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "hidden_dropout",
    "attention_dropout",
    "mlp_dropout",
    "embedding_dropout",
    "dropout",
    "activation_dropout",
    "dropout_rate",
    "resid_pdrop",
    "embd_pdrop",
    "attn_pdrop",
)


def load_backbone(
    model: str | None, from_scratch: bool = False, trust_remote_code: bool = False, dropout: float | None = None
) -> nn.Module:
    """Load the encoder of a folder or of the hub, in float32; of an encoder and a decoder, the encoder.

    Args:
        model: a folder, or an id of the hub.
        from_scratch: whether it gets fresh weights, and only its configuration is read.
        trust_remote_code: whether the code that comes with it may be run.
        dropout: inside of its layers; None for what its configuration says.

    Raises:
        UserError: for a model that is not there, that is no text encoder, that has no safetensors, or that needs code.
    """
    from transformers import AutoModel

    folder = find_backbone(model, trust_remote_code)
    config = load_config(folder, trust_remote_code)
    if dropout is not None:
        for name in _DROPOUTS:
            if isinstance(getattr(config, name, None), float | int):
                setattr(config, name, dropout)
    options: dict[str, Any] = {"trust_remote_code": trust_remote_code, "dtype": torch.float32}
    if _has_pooler(config):
        options["add_pooling_layer"] = False  # seqclf pools by its own parts
    try:
        with _quiet():
            if from_scratch:
                found = AutoModel.from_config(config, **options)
            else:
                options |= {"config": config, "use_safetensors": True, "local_files_only": True}
                options["ignore_mismatched_sizes"] = True  # said below
                found, report = AutoModel.from_pretrained(folder, output_loading_info=True, **options)
                _check_loaded(folder, found, report)
    except UserError:
        raise
    except Exception as error:  # transformers raises whatever its readers raise
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise UserError(f"embedder.model={model} cannot be loaded: {reason}.") from error
    if config.is_encoder_decoder:
        found = found.get_encoder()
    backbone: nn.Module = found.float()
    return backbone


def load_config(folder: Path, trust_remote_code: bool = False) -> Any:
    """The configuration of a folder, as transformers has it.

    Raises:
        UserError: for a kind of model that transformers does not know, unless its code is trusted.
    """
    from transformers import CONFIG_MAPPING, AutoConfig

    if trust_remote_code:
        return AutoConfig.from_pretrained(folder, trust_remote_code=True, local_files_only=True)
    plain = read_backbone_config(folder)
    kind = plain.get("model_type")
    if kind not in CONFIG_MAPPING:
        hint = nearest(str(kind), CONFIG_MAPPING)
        raise UserError(
            f"{folder / CONFIG}: transformers knows no model_type {kind!r}. {hint} If the model brings code of its own "
            "and you trust it, type embedder.trust_remote_code=true."
        )
    try:
        return CONFIG_MAPPING[kind].from_dict(plain)
    except Exception as error:  # each kind checks its values in its own way
        reason = " ".join(str(error).split())[:300].rstrip(".")
        raise UserError(f"{folder / CONFIG} is no configuration of {kind}: {reason}.") from error


def config_text(backbone: nn.Module) -> str:
    """The configuration of a loaded model as the text of a `config.json` that makes nothing run."""
    plain = json.loads(backbone.config.to_json_string(use_diff=False))  # type: ignore[union-attr,operator]
    kept = {name: plain[name] for name in sorted(plain) if name not in ("auto_map", "_name_or_path", "dtype")}
    return json.dumps(kept, indent=2) + "\n"


def checkpoint_layers(backbone: Any) -> None:
    """Have the layers computed again for the gradient, in place of keeping what they computed."""
    # The second is what it was called before transformers 5.20.
    names = ("activation_checkpointing_enable", "gradient_checkpointing_enable")
    enable = next(getattr(backbone, name) for name in names if hasattr(backbone, name))
    enable({"use_reentrant": False})


def _has_pooler(config: Any) -> bool:
    from transformers import MODEL_MAPPING

    known = MODEL_MAPPING.get(type(config), None)
    known = known[0] if isinstance(known, tuple) else known
    return known is not None and "add_pooling_layer" in inspect.signature(known).parameters


def _check_loaded(folder: Path, found: nn.Module, report: dict[str, Any]) -> None:
    missing = sorted(report["missing_keys"])
    if missing and len(missing) >= len(list(found.parameters())):
        raise UserError(f"{folder}: {WEIGHTS} holds none of the weights of the model that {CONFIG} describes.")
    if missing:
        log.warning("%s lacks %d weights, which start fresh: %s, ...", folder, len(missing), ", ".join(missing[:3]))
    if report["mismatched_keys"]:
        raise UserError(f"{folder}: {WEIGHTS} and {CONFIG} disagree on shapes: {sorted(report['mismatched_keys'])[0]}.")


@contextmanager
def _quiet() -> Iterator[None]:
    """No bars and reports of transformers: what matters of them is said by seqclf."""
    from transformers.utils import logging as theirs

    level, bars = theirs.get_verbosity(), theirs.is_progress_bar_enabled()
    theirs.set_verbosity_error()
    theirs.disable_progress_bar()
    try:
        yield
    finally:
        theirs.set_verbosity(level)
        if bars:
            theirs.enable_progress_bar()
