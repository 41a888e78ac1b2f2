"""A saved model behind HTTP."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference.decision import Decision
from seqclf.inference.predict import MAX_ROWS
from seqclf.run.own_parts import import_part
from seqclf.run.process import inference_settings


def serve(
    model: str,
    host: str = "127.0.0.1",
    port: int = 8000,
    max_records: int = 1000,
    max_bytes: int = 10_000_000,
    max_batch: int = MAX_ROWS,
    top_k: int | None = None,
    abstain: float | None = None,
    thresholds: dict[str, float] | float | None = None,
    parts: list[str] | None = None,
    threads: int | None = None,
) -> None:
    """Answer requests until it is stopped: POST {"records": [{FIELD: TEXT}]} to /predict.

    Requests that come at the same time are predicted together. /health says whether it is up, /model what the model
    reads, /openapi.json describes it all; the page /docs shows that in a browser and loads its script from the net.

    Args:
        model: a model folder, or an id of the Hugging Face hub: owner/name, or owner/name@revision.
        host: the address that is listened at; the machine itself alone unless typed. There are no passwords.
        port: 0 for any that is free.
        max_records: how many records one request may hold; 413 beyond.
        max_bytes: how long a request's body may be; 413 beyond.
        max_batch: how many records of several requests are predicted together at most; 1 for each request alone.
        top_k: so many of the likeliest classes are told; all unless typed.
        abstain: below this probability of being right a record is given no label.
        thresholds: the least probability for a label to be given: one for all, or '{LABEL: 0.9}'.
        parts: dotted names of classes of your own that the model is built of.
        threads: for torch on the CPU; None for one per core.

    Raises:
        UserError: for a model folder that cannot be read, or an address that is taken.
    """
    decision = Decision(top_k, abstain, thresholds)
    try:
        import uvicorn

        from seqclf.run.server import make_app
    except ModuleNotFoundError as error:
        raise UserError(f"Serving needs {error.name}: pip install 'seqclf[serve]'.") from error
    if min(max_records, max_bytes, max_batch) < 1 or not 0 <= port < 2**16:
        raise UserError("max_records, max_bytes and max_batch must be at least 1, and port between 0 and 65535.")
    with inference_settings(threads):
        classifier = SequenceClassifier.from_pretrained(model, [import_part(name) for name in parts or []])
        decision.limits(classifier.vocab.labels)
        app = make_app(classifier, max_records, max_bytes, decision, max_batch)
        config = uvicorn.Config(app, host, port, log_level="warning")
        try:
            listening = config.bind_socket()
        except SystemExit as error:  # uvicorn has said why
            raise UserError(f"{host}:{port} cannot be listened at; give another port=.") from error
        without_delay(listening)
        listening.listen(2048)
        _greet(listening.getsockname(), classifier.vocab.columns)
        uvicorn.Server(config).run(sockets=[listening])


def without_delay(listening: socket.socket) -> None:
    """Send answers as they are written; asyncio does it only for sockets that were made with their protocol named.

    Else the body of an answer waits 40 ms for the client to acknowledge its headers.
    """
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # each connection has it from this one


def _greet(address: Any, fields: Sequence[str]) -> None:
    """Say where it listens, and how it is asked."""
    example = json.dumps({"records": [dict.fromkeys(fields, "...")]})
    console = Console(highlight=False)
    console.print(f"http://{address[0]}:{address[1]} answers; Ctrl-C stops it. For example", soft_wrap=True)
    console.print(f"  curl -H 'Content-Type: application/json' -d '{example}' http://{address[0]}:{address[1]}/predict")
