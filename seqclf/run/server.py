"""The web application around a model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, create_model

import seqclf
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError, nearest
from seqclf.inference.batching import Batcher
from seqclf.inference.decision import Decision
from seqclf.inference.predict import MAX_ROWS, probabilities, texts_of, told
from seqclf.text.vocabulary import Vocabulary


def make_app(
    model: SequenceClassifier, max_records: int, max_bytes: int, decision: Decision, max_batch: int = MAX_ROWS
) -> FastAPI:
    """An application with `POST /predict`, `GET /model`, `GET /health` and its own description at `/docs`.

    Args:
        model: the classifier.
        max_records: how many records one request may hold.
        max_bytes: how long the body of a request may be.
        decision: how labels are given.
        max_batch: how many records of several requests are predicted together at most.
    """

    def answer(texts: Sequence[Any]) -> Sequence[Any]:
        return [*told(model, probabilities(model, texts).tolist(), decision)]

    batcher = Batcher(answer, max_batch)

    @asynccontextmanager
    async def answering(_: FastAPI) -> AsyncIterator[None]:
        task = asyncio.create_task(batcher.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app = FastAPI(title="seqclf", version=seqclf.__version__, lifespan=answering)
    app.state.batcher = batcher
    _add_refusals(app, max_bytes)
    _add_predict(app, model, batcher, max_records)

    @app.get("/health", summary="Whether the server is up")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/model", summary="What the model reads and says")
    async def describe() -> dict[str, Any]:
        return {"fields": list(model.vocab.columns), "labels": model.output_classes, "temperature": model.temperature}

    return app


def _add_refusals(app: FastAPI, max_bytes: int) -> None:
    """Say what is too long, and with its field what is wrong."""

    @app.middleware("http")
    async def bounded(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        size = request.headers.get("content-length", "")
        if request.method == "POST" and not size.isdecimal():
            return _refusal(411, "body", "Say the length of the body in Content-Length.")
        if size.isdecimal() and int(size) > max_bytes:
            return _refusal(
                413, "body", f"The body has {size} bytes; at most {max_bytes} are read. Send fewer records."
            )
        return await call_next(request)

    @app.exception_handler(RequestValidationError)
    async def explain(_: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = [str(each) for each in first["loc"][1:4]]  # below the body; behind it, which type was tried
        return _refusal(422, ".".join(place) if "records" in place else "body", str(first["msg"]))


def _add_predict(app: FastAPI, model: SequenceClassifier, batcher: Batcher, max_records: int) -> None:
    """Answer `POST /predict`."""
    asked, answered = _schemas(model)

    async def predict(request: Any) -> Any:
        records = request.records
        if len(records) > max_records:
            return _refusal(
                413, "records", f"There are {len(records)} records; at most {max_records} are read at once."
            )
        for at, record in enumerate(records):
            unknown = [name for name in record if name not in model.vocab.columns]
            if unknown:
                said = f"There is no field {unknown[0]!r}. {nearest(unknown[0], model.vocab.columns)}"
                return _refusal(422, f"records.{at}.{unknown[0]}", said)
        try:
            texts = texts_of(model.vocab, records)
        except UserError as error:
            return _refusal(422, _wrong_field(model.vocab, records), str(error))
        found = await batcher.ask(texts)
        return {"predictions": [{name: getattr(each, name) for name in answered.model_fields} for each in found]}

    predict.__annotations__ = {"request": asked, "return": Any}
    whole = create_model("Predictions", predictions=(list[answered], ...))  # type: ignore[valid-type]
    app.post("/predict", response_model=whole, summary="Labels and probabilities of records")(predict)


def _wrong_field(vocab: Vocabulary, records: Sequence[dict[str, Any]]) -> str:
    """The first cell that cannot be read."""
    for at, record in enumerate(records):
        for name, value in record.items():
            try:
                texts_of(vocab, [{name: value}])
            except UserError:
                return f"records.{at}.{name}"
    return "records"


def _schemas(model: SequenceClassifier) -> tuple[type[BaseModel], type[BaseModel]]:
    """What a request and a prediction look like, with the model's own fields as an example."""
    example = dict.fromkeys(model.vocab.columns, "...")
    cell = str | float | None if model.vocab.segment is None else str | float | list[str] | None
    asked = create_model(
        "Records",
        records=(list[dict[str, cell]], Field(min_length=1, examples=[[example]])),  # type: ignore[valid-type]
    )
    told_of = {"label": (str, ...), "probability": (float, ...), "probabilities": (dict[str, float], ...)}
    answered = create_model("Prediction", **told_of, labels=(list[str], ...), abstained=(bool, ...))  # type: ignore[call-overload]
    return asked, answered


def _refusal(status: int, field: str, message: str) -> JSONResponse:
    return JSONResponse({"detail": [{"field": field, "message": message}]}, status)
