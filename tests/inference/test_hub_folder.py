"""Models on the Hugging Face hub, which is a server on this machine here."""

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from seqclf.classifiers.sequence_classifier import SequenceClassifier
from seqclf.errors import UserError
from seqclf.inference.hub_folder import find_model_folder, push_model_folder
from seqclf.run.push import push
from tests.hub_server import FakeHub, fake_hub
from tests.inference.test_model_folder import TEXTS, build


def reach(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """As if the environment had said so before `huggingface_hub` was imported."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


@pytest.fixture(autouse=True)
def own_hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setenv("HF_TOKEN", "secret")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with fake_hub() as found:
        reach(monkeypatch, found.url)
        yield found


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build().save_pretrained(tmp_path_factory.mktemp("saved") / "model")


def test_what_is_pushed_is_what_comes_back(hub: FakeHub) -> None:
    model = build("encoder=lstm").eval()
    model.temperature = 2.0
    assert model.push_to_hub("greetings", private=True) == "me/greetings"
    assert hub.private == {"me/greetings": True}
    loaded = SequenceClassifier.from_pretrained("me/greetings")
    assert loaded.predict(TEXTS) == model.predict(TEXTS)
    assert loaded.temperature == 2.0
    card = hub.commits["me/greetings", "main"][-1]["README.md"].decode()
    assert 'SequenceClassifier.from_pretrained("me/greetings")' in card


def test_only_the_files_of_a_model_are_put_there_and_fetched(hub: FakeHub, saved: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "model"))
    (folder / "notes.txt").write_text("mine")
    push(str(folder), "them/greetings")
    newest = hub.commits["them/greetings", "main"][-1]
    assert set(newest) == {path.name for path in saved.iterdir()} | {".gitattributes"}
    newest |= {"evil.py": b"1 / 0", "backbone/evil.json": b"{}", "pytorch_model.bin": b""}
    found = find_model_folder("them/greetings")
    assert {path.name for path in found.iterdir()} == {path.name for path in saved.iterdir()}


def test_a_model_replaces_the_one_that_was_there(hub: FakeHub, saved: Path) -> None:
    hub.commits["me/greetings", "main"] = [{"characters.json": b"[]", "calibration.json": b"{}", "data.csv": b"kept"}]
    push_model_folder(saved, "me/greetings")
    newest = hub.commits["me/greetings", "main"][-1]
    assert "characters.json" not in newest
    assert newest["data.csv"] == b"kept"
    assert newest["calibration.json"] == (saved / "calibration.json").read_bytes()
    assert SequenceClassifier.from_pretrained("me/greetings").output_classes == ["ham", "spam"]


def test_what_is_newest_is_fetched_and_the_cache_serves_without_a_network(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = build("encoder=bag").eval(), build("encoder=cnn").eval()
    first.push_to_hub("me/greetings")
    assert SequenceClassifier.from_pretrained("me/greetings").predict(TEXTS) == first.predict(TEXTS)
    second.push_to_hub("me/greetings")
    assert SequenceClassifier.from_pretrained("me/greetings").predict(TEXTS) == second.predict(TEXTS)
    reach(monkeypatch, f"http://127.0.0.1:{free_port()}")
    assert SequenceClassifier.from_pretrained("me/greetings").predict(TEXTS) == second.predict(TEXTS)
    assert "me/greetings is what was fetched before" in caplog.text
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hub.asked.clear()
    assert SequenceClassifier.from_pretrained("me/greetings").predict(TEXTS) == second.predict(TEXTS)
    assert hub.asked == []


def test_a_revision_is_a_branch_or_a_commit(hub: FakeHub) -> None:
    first, second = build("encoder=bag").eval(), build("encoder=cnn").eval()
    second.push_to_hub("me/greetings")
    first.push_to_hub("me/greetings", revision="old")
    for found in (
        SequenceClassifier.from_pretrained("me/greetings", revision="old"),
        SequenceClassifier.from_pretrained("me/greetings@old"),
    ):
        assert found.predict(TEXTS) == first.predict(TEXTS)
    assert SequenceClassifier.from_pretrained("me/greetings").predict(TEXTS) == second.predict(TEXTS)
    with pytest.raises(UserError, match="the hub's me/greetings has no revision 'new'"):
        find_model_folder("me/greetings", "new")


def test_a_model_of_the_hub_is_checked_like_any_folder(hub: FakeHub, saved: Path) -> None:
    push_model_folder(saved, "me/greetings")
    newest = hub.commits["me/greetings", "main"][-1]
    newest["labels.json"] = b'["spam", "ham"]'
    with pytest.raises(UserError, match="it was changed or cut short"):
        SequenceClassifier.from_pretrained("me/greetings")


def test_links_lead_nowhere_but_into_the_cache(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = Path(shutil.copytree(saved, tmp_path / "hub" / "snapshots" / "one"))
    (folder / "labels.json").rename(tmp_path / "hub" / "blob")
    (folder / "labels.json").symlink_to(tmp_path / "hub" / "blob")
    assert SequenceClassifier.from_pretrained(folder).output_classes == ["ham", "spam"]
    (tmp_path / "hub" / "blob").rename(tmp_path / "outside")
    (folder / "labels.json").unlink()
    (folder / "labels.json").symlink_to(tmp_path / "outside")
    with pytest.raises(UserError, match="not a plain file"):
        SequenceClassifier.from_pretrained(folder)


def test_what_is_neither_a_folder_nor_on_the_hub_is_said_of_both(hub: FakeHub) -> None:
    with pytest.raises(UserError, match=r"outputs/modle: there is no such folder, and the hub has no such model"):
        SequenceClassifier.from_pretrained("outputs/modle")
    hub.asked.clear()
    for name in ("modle", "outputs/run/modle", "./modle", "../modle", Path("outputs/modle")):
        with pytest.raises(UserError, match="there is no such folder, and an id of the hub would be owner/name"):
            SequenceClassifier.from_pretrained(name)
    assert hub.asked == []


def test_a_revision_of_a_folder_is_refused(saved: Path) -> None:
    with pytest.raises(UserError, match="is a folder of this machine"):
        SequenceClassifier.from_pretrained(saved, revision="old")


def test_offline_is_said_without_asking(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    with fake_hub() as hub:
        reach(monkeypatch, hub.url)
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        with pytest.raises(UserError, match=r"is no folder and was not fetched before, and HF_HUB_OFFLINE forbids"):
            SequenceClassifier.from_pretrained("me/greetings")
        with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids"):
            push_model_folder(saved, "me/greetings")
        assert hub.asked == []


def test_a_hub_out_of_reach_is_said(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    reach(monkeypatch, f"http://127.0.0.1:{free_port()}")
    with pytest.raises(UserError, match="was not fetched before, and the hub cannot be reached"):
        SequenceClassifier.from_pretrained("me/greetings")
    with pytest.raises(UserError, match="cannot be uploaded, for the hub cannot be reached"):
        push_model_folder(saved, "me/greetings")


def test_a_hub_that_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes calls and says nothing
        reach(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        monkeypatch.setattr("seqclf.hub.SECONDS", 0.2)
        with pytest.raises(UserError, match="the hub cannot be reached"):
            SequenceClassifier.from_pretrained("me/greetings")
        with pytest.raises(UserError, match="the hub cannot be reached"):
            push_model_folder(saved, "me/greetings")


def test_who_is_not_known_cannot_push(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, saved: Path) -> None:
    with pytest.raises(UserError, match="The hub refuses me/greetings"):
        push_model_folder(saved, "me/greetings", token="wrong")
    monkeypatch.setattr(huggingface_hub, "get_token", lambda: None)
    with pytest.raises(UserError, match=r"does not know you\. `hf auth login`, or set HF_TOKEN"):
        push_model_folder(saved, "me/greetings")
    assert hub.commits == {}


def test_a_broken_folder_is_not_pushed(hub: FakeHub, saved: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(saved, tmp_path / "model"))
    (folder / "labels.json").write_text("[]")
    with pytest.raises(UserError, match="it was changed or cut short"):
        push_model_folder(folder, "me/greetings")
    assert hub.asked == []


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
