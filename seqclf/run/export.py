"""A saved model as one file that others run without seqclf."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any, Literal

import torch
from rich.console import Console
from torch import Tensor

from seqclf.batch import SPECIAL_TOKENS
from seqclf.classifiers.multilabel_classifier import MultilabelClassifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference import export as exporters
from seqclf.inference.atomic import replacing
from seqclf.inference.export import Example, NotExported, Run, checked, difference
from seqclf.nn.scanned import is_recurrent, with_scans
from seqclf.nn.tokens_to_logits import TokensToLogits, as_batch
from seqclf.run.own_parts import import_part
from seqclf.run.process import inference_settings
from seqclf.text.columns import to_plain
from seqclf.text.vocabulary import Vocabulary
from seqclf.text.vocabulary_files import TOKENIZER_FILE

# (records, sequences of each, tokens of the longest): what is traced, and then what is compared at.
TRACED = (3, 3, 7)
COMPARED = ((2, 2, 5), (5, 3, 1), (1, 1, 11), (4, 2, 30))
Exporter = Callable[[torch.nn.Module, Example, Path], Run]


def export(
    model: str,
    output: str,
    format: Literal["onnx", "torch_export"] = "onnx",  # the name that is typed
    int8: bool = False,
    parts: list[str] | None = None,
    threads: int | None = None,
) -> float:
    """Write a model as one file: token ids in, logits out, at any batch size and length.

    The file is run at other sizes than it was drawn at, and is only kept when it gives the model's logits to 1e-5.
    Beside it stand `tokenizer.json` and `OUTPUT.json`: labels, fields and what else a reader needs.

    Args:
        model: a model folder, or an id of the Hugging Face hub: owner/name, or owner/name@revision.
        output: the file, model.onnx or model.pt2.
        format: `onnx`, for onnxruntime and others; `torch_export`, for torch alone.
        int8: of onnx, whether the weights are rounded to 8 bits: a quarter of the size; it is said by how much the
            probabilities differ then.
        parts: dotted names of classes of your own that the model is built of.
        threads: for torch on the CPU; None for one per core.

    Returns:
        The largest difference between the file's logits and the model's.

    Raises:
        UserError: for a model that cannot be exported; it says why.
    """
    if int8 and format != "onnx":
        raise UserError("int8=true is for format=onnx: torch.export writes weights as they are.")
    with inference_settings(threads):
        classifier = SequenceClassifier.from_pretrained(model, [import_part(name) for name in parts or []])
        if classifier.vocab.frame is not None:
            raise UserError(
                "embedder=pretrained reads texts as its own tokenizer frames them, which plain ids do not say: it "
                "cannot be exported. Export a model with embedder=word."
            )
        file = Path(output)
        _check_beside(file, classifier.vocab)
        with (
            replacing(file) as temporary,
            tempfile.TemporaryDirectory(dir=temporary.parent, prefix=".export") as folder,
        ):
            drawn = Path(folder) / file.name
            worst, how = _draw(classifier, format, drawn)
            said = (
                f"{file}: {how}; its logits differ from the model's by {worst:.1e} at most, at {len(COMPARED)} shapes."
            )
            if int8:
                whole, drawn = drawn, Path(folder) / f"int8-{file.name}"
                worst = _quantized(classifier, whole, drawn)
                said = f"{file}: {how}, weights of 8 bits; its probabilities differ by {worst:.3f} at most."
            shutil.copyfile(drawn, temporary)
        _write_beside(file, classifier)
    Console(highlight=False).print(said, soft_wrap=True)
    return worst


def _draw(model: SequenceClassifier, format: str, file: Path) -> tuple[float, str]:
    """Try the exporters in turn, the one for such models first; returns the difference, and which it was."""
    graph = TokensToLogits(deepcopy(model)).eval()
    scans = ("a scan for each recurrent layer", exporters.onnx_dynamo)
    traced = ("ONNX by tracing", exporters.onnx_torchscript)
    tries: Sequence[tuple[str, Exporter]] = [("ONNX by torch.export", exporters.onnx_dynamo), traced]
    if is_recurrent(graph):
        tries = [traced, scans]
    if format == "torch_export":
        tries = [("torch.export", exporters.torch_export)]
    reasons = []
    for name, exporter in tries:
        if exporter is not exporters.onnx_torchscript:
            with_scans(graph)
        try:
            with torch.inference_mode(False), torch.no_grad():
                run = exporter(graph, _example(model, *TRACED), file)
                return checked(run, partial(_expected, model), [_example(model, *shape) for shape in COMPARED]), name
        except NotExported as reason:
            reasons.append(f"{name}: {reason}")
    parts = ", ".join(type(part).__name__ for part in (model.seq2vec_encoder, model.multifield_seq2vec_encoder) if part)
    said = " ".join(f"{each}." for each in reasons)
    other = " format=onnx draws graphs in another way." if format == "torch_export" else ""
    raise UserError(f"This model ({parts}) cannot be exported as {format}. {said}{other}")


def _quantized(model: SequenceClassifier, file: Path, output: Path) -> float:
    """Write the file with weights of 8 bits; returns by how much probabilities differ."""
    run = exporters.quantize(file, output)

    def chances(arrays: Any) -> Any:
        return model.probabilities(torch.from_numpy(run(arrays))).numpy()

    def expected(example: Example) -> Tensor:
        return model.probabilities(_expected(model, example))

    try:
        return difference(chances, expected, [_example(model, *shape) for shape in COMPARED])
    except NotExported as reason:
        raise UserError(f"With weights of 8 bits the file is of no use: {reason}.") from reason


@torch.no_grad()
def _expected(model: SequenceClassifier, example: Example) -> Tensor:
    """What the model itself gives, by the way that it was trained on."""
    logits: Tensor = model(as_batch(example["tokens"], example.get("field_ids"), model.n_inputs))["logits"]
    return logits


def _example(model: SequenceClassifier, records: int, sequences: int, longest: int) -> Example:
    """Random ids as the graph takes them: sequences of many lengths, some of them missing."""
    generator = torch.Generator().manual_seed(records)
    several = model.vocab.several_sequences
    sequences = min(sequences, len(model.vocab.fields)) if several and model.vocab.segment is None else sequences
    shape = (records * model.n_inputs, sequences if several else 1)
    lengths = torch.randint(0, longest + 1, shape, generator=generator)
    lengths[0], lengths[:, 0] = longest, lengths[:, 0].clamp(min=1)
    there = lengths > 0
    fields = torch.arange(shape[1]).expand(shape).masked_fill(~there, shape[1])
    order = fields.argsort(dim=1, stable=True)  # those that are there first
    fields, lengths = fields.gather(1, order), lengths.gather(1, order)
    ids = torch.randint(1, model.vocab.size(), (*shape, longest), generator=generator)
    ids = ids * (torch.arange(longest) < lengths.unsqueeze(2))
    fields = fields.masked_fill(lengths == 0, 0)
    if not several:
        ids, fields = ids.squeeze(1), fields.squeeze(1)
    if model.n_inputs > 1:
        ids, fields = (each.view(-1, model.n_inputs, *each.shape[1:]) for each in (ids, fields))
    return {"tokens": ids, "field_ids": fields} if several else {"tokens": ids}


def _check_beside(file: Path, vocab: Vocabulary) -> None:
    """A tokenizer of another model that lies there stays."""
    beside = file.parent / TOKENIZER_FILE
    if beside.exists() and beside.read_text(encoding="utf-8") != vocab.tokenizer.to_str():
        raise UserError(f"{beside} is of another model; give output= in a folder of its own.")


def _write_beside(file: Path, model: SequenceClassifier) -> None:
    """What a reader needs besides the file."""
    vocab = model.vocab
    reader = {
        "inputs": list(_example(model, *TRACED)),
        "labels": list(vocab.labels),
        "multilabel": model.multilabel,
        "thresholds": model.thresholds.tolist() if isinstance(model, MultilabelClassifier) else None,
        "temperature": model.temperature,
        "columns": list(vocab.columns),
        "fields": {name: place for place, name in enumerate(vocab.fields)},
        "join_fields": vocab.join_fields,
        "segment": vocab.segment,
        "kinds": to_plain(vocab.kinds),
        "special_tokens": {name: place for place, name in enumerate(SPECIAL_TOKENS)},
    }
    with replacing(file.parent / TOKENIZER_FILE) as temporary:
        temporary.write_text(vocab.tokenizer.to_str(), encoding="utf-8")
    with replacing(file.with_name(file.name + ".json")) as temporary:
        temporary.write_text(json.dumps(reader, indent=2, ensure_ascii=True) + "\n", encoding="utf-8")
