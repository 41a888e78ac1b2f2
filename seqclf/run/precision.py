"""In what numbers a run computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, Literal

import torch
from pytorch_lightning.plugins import MixedPrecision

from seqclf.errors import UserError, nearest

AUTO = "auto"
PRECISIONS = (AUTO, "32", "64", "bf16-mixed", "16-mixed", "bf16-true")


class TrainingInBfloat16(MixedPrecision):
    """bfloat16 for the products of training, float32 for its weights and for everything afterwards.

    What validation, test and prediction say is then what the saved model says.

    Args:
        device: "cpu" or "cuda".
    """

    def __init__(self, device: str) -> None:
        super().__init__("bf16-mixed", device)

    def val_step_context(self) -> Any:
        """Nothing: validation computes in float32."""
        return nullcontext()

    def test_step_context(self) -> Any:
        """Nothing, likewise."""
        return nullcontext()

    def predict_step_context(self) -> Any:
        """Nothing, likewise."""
        return nullcontext()


def precision_settings(precision: int | str, device: Literal["cpu", "cuda"]) -> tuple[dict[str, Any], list[Any]]:
    """What Lightning's Trainer has to be told of a precision.

    Args:
        precision: one of `PRECISIONS`; "auto" is bf16-mixed in training where the hardware has it, else 32.
        device: what the run is on.

    Returns:
        Arguments and plugins of the Trainer.

    Raises:
        UserError: for another precision.
    """
    if str(precision) not in PRECISIONS:
        raise UserError(f"trainer.precision cannot be {precision!r}. {nearest(str(precision), PRECISIONS)}")
    if precision != AUTO:
        return {"precision": precision}, []
    return ({}, [TrainingInBfloat16(device)]) if multiplies_bfloat16(device) else ({"precision": "32"}, [])


def multiplies_bfloat16(device: Literal["cpu", "cuda"]) -> bool:
    """Whether the hardware itself does: a GPU from Ampere on, a processor with AMX; elsewhere bfloat16 is slower."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_amx_tile_supported())


@contextmanager
def tensor_cores(allowed: bool) -> Iterator[None]:
    """Let a GPU's tensor cores multiply float32 as TF32 (10 bits of the mantissa), or not; as before at the end.

    Args:
        allowed: whether they may; the CPU is not affected.
    """
    products: Any = torch.backends.cuda.matmul
    convolutions: Any = torch.backends.cudnn.conv  # type: ignore[attr-defined]  # it has no types
    before = products.fp32_precision, convolutions.fp32_precision
    products.fp32_precision = convolutions.fp32_precision = "tf32" if allowed else "ieee"
    try:
        yield
    finally:
        products.fp32_precision, convolutions.fp32_precision = before
