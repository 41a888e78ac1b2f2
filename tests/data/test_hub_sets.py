"""The data sets of conf/data are read with the right splits, columns and classes from copies of their hub layout."""

import json
from pathlib import Path
from typing import Any

import pytest

from seqclf.data.source import Source
from seqclf.parts import RUN_ROOMS, make
from seqclf.run.compose import compose, plain
from seqclf.run.conf_path import conf_path, read_yaml
from seqclf.run.open_data import SHARED_DATA_KEYS
from seqclf.run.train import train

datasets: Any = pytest.importorskip("datasets")

SENTIMENT = ["neg", "pos"]
# As their pages on the hub say: columns (a list: names of classes), splits, and which of their configurations is read.
LAYOUTS: dict[str, tuple[dict[str, Any], tuple[str, ...], str | None]] = {
    "ag_news": ({"text": str, "label": ["World", "Sports", "Business", "Sci/Tech"]}, ("train", "test"), None),
    "sst2": ({"idx": int, "sentence": str, "label": ["negative", "positive"]}, ("train", "validation", "test"), None),
    "imdb": ({"text": str, "label": SENTIMENT}, ("train", "test", "unsupervised"), None),
    "dbpedia_14": ({"label": ["Company", "Artist"], "title": str, "content": str}, ("train", "test"), None),
    "yelp": ({"label": ["1 star", "2 star"], "text": str}, ("train", "test"), None),
    "trec": ({"text": str, "coarse_label": ["ABBR", "ENTY"], "fine_label": ["ABBR:abb", "ABBR:exp"]}, ("train", "test"), None),  # noqa: E501
    "clinc150": ({"text": str, "intent": ["transfer", "oos"]}, ("train", "validation", "test"), "plus"),
    "banking77": ({"text": str, "label": ["card_arrival", "top_up_failed"]}, ("train", "test"), None),
    "mr": ({"text": str, "label": SENTIMENT}, ("train", "validation", "test"), None),
    "subj": ({"text": str, "label": int, "label_text": ["objective", "subjective"]}, ("train", "test"), None),
}  # fmt: skip
READ = {  # text columns, label column, and the hub's split that each of ours is
    "ag_news": (("text",), "label", {"train": "train", "test": "test"}),
    "sst2": (("sentence",), "label", {"train": "train", "test": "validation"}),
    "imdb": (("text",), "label", {"train": "train", "test": "test"}),
    "dbpedia_14": (("title", "content"), "label", {"train": "train", "test": "test"}),
    "yelp": (("text",), "label", {"train": "train", "test": "test"}),
    "trec": (("text",), "coarse_label", {"train": "train", "test": "test"}),
    "clinc150": (("text",), "intent", {"train": "train", "validation": "validation", "test": "test"}),
    "banking77": (("text",), "label", {"train": "train", "test": "test"}),
    "mr": (("text",), "label", {"train": "train", "validation": "validation", "test": "test"}),
    "subj": (("text",), "label_text", {"train": "train", "test": "test"}),
}


@pytest.fixture(autouse=True)
def _own_cache_and_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)


def write_copy(name: str, folder: Path, records: int) -> Path:
    """A small data set in the layout of the one on the hub: files, columns, configurations."""
    columns, splits, config = LAYOUTS[name]
    if name == "subj":  # json lines at the top, and names of classes as text
        folder.mkdir()
        for split in splits:
            rows = [{"text": f"{split} {row}", "label": row % 2, "label_text": columns["label_text"][row % 2]} for row in range(records)]  # noqa: E501  # fmt: skip
            (folder / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return folder
    kinds = {str: datasets.Value("string"), int: datasets.Value("int32")}
    features = datasets.Features(
        {
            key: datasets.ClassLabel(names=kind) if isinstance(kind, list) else kinds[kind]
            for key, kind in columns.items()
        }
    )
    for split in splits:
        hidden = (name, split) in (("sst2", "test"), ("imdb", "unsupervised"))
        content = {
            key: [
                f"{split} {key} {row}" if kind is str else row if kind is int else -1 if hidden else row % len(kind)
                for row in range(records)
            ]
            for key, kind in columns.items()
        }
        file = {"trec": f"default/{split}/0000.parquet"}.get(name, f"{config or 'data'}/{split}-00000-of-00001.parquet")
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        datasets.Dataset.from_dict(content, features=features).to_parquet(str(folder / file))
    if config is not None:
        lines = [f"  - split: {split}\n    path: {config}/{split}-*\n" for split in splits]
        others = "- config_name: small\n  data_files: nothing/*\n"
        (folder / "README.md").write_text(
            f"---\nconfigs:\n- config_name: {config}\n  data_files:\n{''.join(lines)}{others}---\n"
        )
    return folder


def test_every_data_set_of_the_hub_has_a_layout_here() -> None:
    files = {path.stem for path in (conf_path() / "data").glob("*.yaml") if read_yaml(path).get("path", "???") != "???"}
    assert files == set(LAYOUTS) == set(READ)


@pytest.mark.parametrize("name", LAYOUTS)
def test_columns_splits_and_classes_are_those_of_the_hub(name: str, tmp_path: Path) -> None:
    folder = write_copy(name, tmp_path / name, 6)
    config = plain(compose(f"data={name}", f"data.path={folder}"))["data"]
    source: Source = make({key: value for key, value in config.items() if key not in SHARED_DATA_KEYS}, "data", rooms=RUN_ROOMS)  # noqa: E501  # fmt: skip
    tables = source.tables()
    text, label, splits = READ[name]
    assert (tables.text, tables.label) == (text, label)
    classes = LAYOUTS[name][0][label]
    for split in ("train", "validation", "test"):
        table = getattr(tables, split)
        assert (table is None) == (split not in splits), split
        if table is not None:
            rows = list(table.select([*text, label]))
            assert [row.values[-1] for row in rows] == [classes[row % len(classes)] for row in range(6)]
            assert rows[3].values[0].startswith(splits[split])


def test_one_of_them_trains(tmp_path: Path) -> None:
    folder = write_copy("trec", tmp_path / "trec", 40)
    small = ("trainer=debug", "trainer.progress_bar=false", "embedder.buckets=100", "logger=none")
    metrics = train(compose("data=trec", f"data.path={folder}", *small)).metrics
    assert metrics["test/records"] == 40
    assert {"test/f1/ABBR", "test/f1/ENTY"} <= set(metrics)
