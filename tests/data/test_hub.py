from pathlib import Path
from typing import Any

import pytest

from seqclf.data.hub import Hub
from seqclf.data.table import Row
from seqclf.errors import UserError

datasets: Any = pytest.importorskip("datasets")

RECORDS = {"text": ["NA", "a\nb", None], "label": [0, 1, -1], "number": [1.0, 2.5, None], "tags": [["a"], [], ["b"]]}


@pytest.fixture(autouse=True)
def _own_cache_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["bad", "good"]),
            "number": datasets.Value("float64"),
            "tags": datasets.List(datasets.Value("string")),
        }
    )
    data = tmp_path / "toy" / "data"
    data.mkdir(parents=True)
    records = datasets.Dataset.from_dict(RECORDS, features=features)
    records.to_parquet(str(data / "train-00000-of-00001.parquet"))
    records.select([1]).to_parquet(str(data / "test-00000-of-00001.parquet"))
    return tmp_path / "toy"


def test_a_data_set_is_read_with_its_classes_by_name(folder: Path) -> None:
    tables = Hub(str(folder), text=["text", "number"]).tables()
    assert tables.train is not None
    assert tables.test is not None
    assert tables.validation is None
    assert tables.train.columns == ("text", "label", "number", "tags")
    assert list(tables.train.select(["label", "text", "number"])) == [
        Row(1, ("bad", "NA", "1.0")),
        Row(2, ("good", "a\nb", "2.5")),
        Row(3, ("", "", "")),
    ]
    assert list(tables.test.select(["label"])) == [Row(1, ("good",))]


def test_the_splits_are_chosen_by_name(folder: Path) -> None:
    tables = Hub(str(folder), train=None, test=None, validation="train", text=["text"]).tables()
    assert tables.train is None
    assert tables.test is None
    assert tables.validation is not None


def test_fingerprints_follow_the_content(folder: Path) -> None:
    tables = Hub(str(folder), text=["text"]).tables()
    again = Hub(str(folder), text=["number"]).tables()
    assert tables.train is not None
    assert tables.test is not None
    assert again.train is not None
    assert tables.train.fingerprint() == again.train.fingerprint() != tables.test.fingerprint()
    assert tables.train.stamp() == again.train.stamp() != tables.test.stamp()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"text": ["tags"]}, r"toy \(train\), column 'tags': it holds list"),
        ({"text": ["txt"]}, r"toy \(train\) has no column 'txt' \(data\.text\)\. Did you mean 'text'"),
        ({"train": "trian"}, r"toy has no split 'trian' \(data\.train\)\. Did you mean 'train'"),
        ({"config": "other"}, r"'.*toy' cannot be loaded .*data\.config.*'other'"),
    ],
)
def test_a_wrong_choice_is_refused(folder: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Hub(str(folder), **settings).tables()


@pytest.mark.parametrize("name", ["someone/something", "nothing/of/the/kind"])
def test_without_a_network_the_message_says_so(name: str) -> None:
    with pytest.raises(UserError, match=rf"The data set '{name}' cannot be loaded .*Check its name and the network"):
        Hub(name).tables()
