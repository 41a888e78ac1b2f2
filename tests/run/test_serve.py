"""A model behind HTTP."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from seqclf.build import build_classifier
from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference.decision import Decision
from seqclf.run.compose import compose, plain
from seqclf.run.serve import serve, without_delay
from seqclf.run.server import make_app
from seqclf.text.tokenization import Tokenization
from seqclf.text.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
TEXTS = ["win money now", "see you at lunch", "a strange thing"]


def build() -> SequenceClassifier:
    torch.manual_seed(0)
    vocab = Vocabulary(Tokenization().train(TEXTS), ["ham", "spam"], ["title", "body"])
    model: SequenceClassifier = build_classifier(plain(compose("encoder=lstm")), vocab)
    return model.eval()


@pytest.fixture
def client() -> Iterator[TestClient]:
    with TestClient(make_app(build(), max_records=3, max_bytes=2000, decision=Decision())) as client:
        yield client


def test_records_are_answered_as_the_model_answers_them(client: TestClient) -> None:
    records = [{"title": text, "body": None} for text in TEXTS]
    answer = client.post("/predict", json={"records": records})
    assert answer.status_code == 200
    for told, expected in zip(answer.json()["predictions"], build().predict(records), strict=True):
        assert (told["label"], told["labels"]) == (expected.label, [expected.label])
        assert told["probability"] == pytest.approx(expected.probability)
        assert told["probabilities"] == pytest.approx(expected.probabilities)


@pytest.mark.parametrize(
    ("body", "status", "field", "message"),
    [
        ({"records": [{"titel": "x"}]}, 422, "records.0.titel", "There is no field 'titel'. Did you mean 'title'?"),
        ({"records": [{"title": 3}]}, 422, "records.0.title", "Record 0: 'title' must be text, but is 3"),
        ({"records": [{"title": ["a"]}]}, 422, "records.0.title", "Input should be a valid string"),
        ({"records": []}, 422, "records", "at least 1 item"),
        ({"texts": []}, 422, "records", "Field required"),
        ({"records": [{"title": "x"}] * 4}, 413, "records", "There are 4 records; at most 3 are read at once"),
        ({"records": [{"title": "x" * 3000}]}, 413, "body", "at most 2000 are read"),
    ],
)
def test_what_is_wrong_is_said_with_the_field(
    client: TestClient, body: Any, status: int, field: str, message: str
) -> None:
    answer = client.post("/predict", json=body)
    (detail,) = answer.json()["detail"]
    assert (answer.status_code, detail["field"]) == (status, field)
    assert message in detail["message"]


def test_what_is_no_json_is_refused(client: TestClient) -> None:
    answer = client.post("/predict", content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 422
    (detail,) = answer.json()["detail"]
    assert detail["field"] == "body"
    assert "JSON" in detail["message"]


def test_it_describes_itself(client: TestClient) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/model").json()["fields"] == ["title", "body"]
    described = client.get("/openapi.json").json()
    assert set(described["paths"]) == {"/predict", "/health", "/model"}
    assert client.get("/docs").status_code == 200


def test_requests_of_the_same_time_are_predicted_together(client: TestClient) -> None:
    before = client.app.state.batcher.calls  # type: ignore[attr-defined]

    def ask(number: int) -> tuple[Any, Any]:
        record = {"title": TEXTS[number % 3], "body": f"you {number}"}
        return record, client.post("/predict", json={"records": [record]}).json()["predictions"][0]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(60)))
    expected = build().predict([record for record, _ in answers])
    for (_, told), prediction in zip(answers, expected, strict=True):
        assert told["probabilities"] == pytest.approx(prediction.probabilities, abs=1e-6)
    assert client.app.state.batcher.calls - before < 60  # type: ignore[attr-defined]


def test_each_request_alone_where_batches_are_of_one() -> None:
    app = make_app(build(), max_records=3, max_bytes=2000, decision=Decision(), max_batch=1)
    with TestClient(app) as client, ThreadPoolExecutor(4) as pool:
        sizes = [1, 3, 2, 1, 3, 1]
        found = pool.map(lambda size: client.post("/predict", json={"records": [{"title": "you"}] * size}), sizes)
        assert [len(answer.json()["predictions"]) for answer in found] == sizes
    assert app.state.batcher.calls == len(sizes)


@pytest.mark.slow
def test_the_script_listens_at_the_machine_itself(tmp_path: Path) -> None:
    folder = build().save_pretrained(tmp_path / "model")
    command = [sys.executable, "-u", str(ROOT / "scripts" / "serve.py"), f"model={folder}", "port=0", "threads=1"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        found = re.match(r"(http://127\.0\.0\.1:\d+) answers", process.stdout.readline())
        assert found
        body = json.dumps({"records": [{"title": "win", "body": "now"}]}).encode()
        request = urllib.request.Request(f"{found[1]}/predict", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=120) as answer:
            assert json.load(answer)["predictions"][0]["label"] in ("ham", "spam")
        process.terminate()
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait(timeout=60)
        process.stdout.close()  # type: ignore[union-attr]
    with pytest.raises(UserError, match="port between 0 and 65535"):
        serve(str(folder), port=99999)


def test_an_accepted_connection_sends_at_once() -> None:
    with socket.socket() as listening:
        without_delay(listening)
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
