"""Graphs as files, ONNX and `torch.export`, at free sizes, and compared with the model before they count."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from seqclf.errors import UserError

Arrays = Mapping[str, npt.NDArray[np.int64]]
Run = Callable[[Arrays], npt.NDArray[np.float32]]
Example = dict[str, Tensor]

TOLERANCE = 1e-5  # of logits, beside the largest of them where that is above 1
OUTPUT = "logits"
OPSET = 18
WEIGHTS_LIMIT = 2**31 - 2**20  # bytes; a protobuf file holds no more


class NotExported(Exception):  # noqa: N818  # the next exporter is tried
    """An exporter could not draw the graph, or drew another one; the reason in words."""


def torch_export(graph: nn.Module, example: Example, file: Path) -> Run:
    """Write the graph by `torch.export`; returns what runs the file.

    Raises:
        NotExported: where the graph cannot be drawn at free sizes.
    """
    with _quiet(), _refusals():
        program = torch.export.export(graph, tuple(example.values()), dynamic_shapes=_free(example))
        with file.open("wb") as stream:
            torch.export.save(program, stream)
    return run_torch_export(file)


def run_torch_export(file: Path) -> Run:
    """Load a file that `torch_export` wrote."""
    with _quiet(), file.open("rb") as stream:
        module = torch.export.load(stream).module()

    @torch.no_grad()
    def run(arrays: Arrays) -> npt.NDArray[np.float32]:
        logits: npt.NDArray[np.float32] = module(*map(torch.from_numpy, arrays.values())).numpy()
        return logits

    return run


def onnx_dynamo(graph: nn.Module, example: Example, file: Path) -> Run:
    """Write the graph as ONNX, drawn by `torch.export`; returns what runs the file.

    Raises:
        NotExported: where the graph cannot be drawn at free sizes.
    """
    with _quiet(), _refusals():
        program = torch.onnx.export(
            graph,
            tuple(example.values()),
            dynamic_shapes=_free(example),
            input_names=list(example),
            output_names=[OUTPUT],
            dynamo=True,
            verbose=False,
        )
        assert program is not None
        program.save(file, external_data=False)
    return run_onnx(file)


def onnx_torchscript(graph: nn.Module, example: Example, file: Path) -> Run:
    """Write the graph as ONNX, drawn by TorchScript's tracing: torch's recurrent layers become ONNX's own.

    Raises:
        NotExported: where the graph has an operation that this exporter lacks.
    """
    axes = {name: {place: f"{name}_{place}" for place in range(ids.dim())} for name, ids in example.items()}
    with _quiet(), _refusals():
        torch.onnx.export(
            graph,
            tuple(example.values()),
            str(file),
            input_names=list(example),
            output_names=[OUTPUT],
            dynamic_axes={**axes, OUTPUT: {0: "batch"}},
            opset_version=OPSET,
            dynamo=False,
        )
    return run_onnx(file)


def run_onnx(file: Path) -> Run:
    """Load an ONNX file with onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors alone
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    return lambda arrays: session.run(None, {name: arrays[name] for name in names})[0]


def quantize(file: Path, output: Path) -> Run:
    """Write an ONNX file with 8-bit weights, which are multiplied as such (dynamic quantisation)."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with _quiet():
        quantize_dynamic(file, output, weight_type=QuantType.QInt8)
    return run_onnx(output)


def difference(run: Run, expected: Callable[[Example], Tensor], examples: Sequence[Example]) -> float:
    """The largest difference between a file's logits and the model's, beside the largest logit where that is above 1.

    Raises:
        NotExported: where the file does not run at one of these shapes, or gives what is no number.
    """
    worst = 0.0
    for example in examples:
        shape = " and ".join(f"{name} {tuple(ids.shape)}" for name, ids in example.items())
        try:
            logits = run({name: ids.numpy() for name, ids in example.items()})
        except Exception as error:
            raise NotExported(f"it does not run at {shape}: {_first_line(error)}") from error
        wanted = expected(example).numpy()
        if logits.shape != wanted.shape or not np.isfinite(logits).all():
            raise NotExported(f"at {shape} it gives no {wanted.shape} finite numbers")
        worst = max(worst, float(np.abs(logits - wanted).max() / max(1.0, np.abs(wanted).max())))
    return worst


def checked(run: Run, expected: Callable[[Example], Tensor], examples: Sequence[Example]) -> float:
    """The same; more than the tolerance is refused.

    Raises:
        NotExported: it names the difference.
    """
    worst = difference(run, expected, examples)
    if worst > TOLERANCE:
        raise NotExported(f"its logits differ from the model's by {worst:.1e}, which is more than {TOLERANCE:.0e}")
    return worst


def _free(example: Example) -> tuple[dict[int, Any], ...]:
    """Every dimension of every input free, but the two records of a pair."""
    free = torch.export.Dim.DYNAMIC
    ids = example["tokens"]
    pair = ids.dim() == 4 or (ids.dim() == 3 and len(example) == 1)
    return tuple({at: free for at in range(ids.dim()) if not (pair and at == 1)} for ids in example.values())


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UserError(f"format=onnx needs {error.name}: pip install 'seqclf[onnx]'.") from error
    except Exception as error:  # every exporter has its own
        raise NotExported(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines or [type(error).__name__])[0][:300]


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporters tell what they do, and what will be removed from torch one day."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "root", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
