"""A store that several processes fill is the same as that of one."""

import json
import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from seqclf.data.files import Files
from seqclf.data.store import Store, build_store
from seqclf.data.store_build import META
from seqclf.data.store_shards import Each
from seqclf.errors import UserError
from seqclf.text.subwords import Subwords
from seqclf.text.tokenization import Tokenization

Item = TypeVar("Item")
Result = TypeVar("Result")

WORDS = ["Heap", "push", "naïve", "e\u0301tude", "北京", "a.b", "don't", "x" * 30, "[PAD]", "Zoo", "zoo", "\ud800"]


def each(function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Result]:
    """As other processes would do it: everything is sent there and back."""
    for item in items:
        there, sent = pickle.loads(pickle.dumps((function, item)))
        yield pickle.loads(pickle.dumps(there(sent)))


def write(folder: Path, sizes: list[int], labels: Callable[[int], str]) -> str:
    folder.mkdir()
    row = 0
    for number, size in enumerate(sizes):
        with (folder / f"{number}.jsonl").open("w") as file:
            for _ in range(size):
                words = [WORDS[(row * step) % len(WORDS)] for step in (1, 3, 5, 7)]
                cells = {
                    "title": " ".join(words[: row % 4]),
                    "body": f"{' '.join(words)}. Row {row % 5}.",
                    "size": str(row % 9),
                }
                print(json.dumps({**cells, "brand": words[2] if row % 3 else "", "label": labels(row)}), file=file)
                row += 1
    return str(folder)


def contents(store: Store) -> dict[str, Any]:
    """Every byte of a store, but for the seconds that it took."""
    files = {
        str(file.relative_to(store.folder)): file.read_bytes() for file in store.folder.rglob("*") if file.is_file()
    }
    meta = json.loads(files.pop(META))
    del meta["report"]["seconds"]
    return {**files, META: meta}


def both(
    tmp_path: Path, source: Callable[[], Files], tokenization: Tokenization, how: Each = each, **options: Any
) -> Store:
    """The store, after it was seen to be the same from one process and from several."""
    here = build_store(source(), tokenization, cache=tmp_path / "here", **options)
    there = build_store(source(), tokenization, cache=tmp_path / "there", each=how, **options)
    assert here.folder.name == there.folder.name
    assert contents(here) == contents(there)
    return here


def one(row: int) -> str:
    return "abc"[row % 3 if row > 4 else row % 2]


def some(row: int) -> str:
    return "|".join("abc"[: row % 4])


def folders(tmp_path: Path, labels: Callable[[int], str] = one, **more: Any) -> Callable[[], Files]:
    train = write(tmp_path / "train", [7, 1, 20, 5], labels)
    test = write(tmp_path / "test", [2, 3], lambda row: "abd"[row % 3] if row else "")
    text = {"text": ["title", "body"]} if "left" not in more else {}
    return lambda: Files(**{"train": train, "test": test, **text, **more})


@pytest.mark.parametrize(
    "tokenization",
    [
        Tokenization(),
        Tokenization(min_count=3, max_size=9, lowercase=False),
        Tokenization("characters_and_spaces"),
        Tokenization("whitespace", max_length=2),
        Tokenization(segment="sentences"),
        Subwords("bpe", max_size=60),
        Subwords("unigram", max_size=60),
    ],
    ids=lambda tokenization: "-".join(str(value) for value in vars(tokenization).values() if value not in (None, True)),
)
def test_the_store_is_the_same_to_the_byte(tmp_path: Path, tokenization: Tokenization) -> None:
    store = both(tmp_path, folders(tmp_path), tokenization)
    assert store.validation is not None
    assert store.report["records"] == {"train": 30, "validation": 3, "test": 5}
    assert store.report["unknown_labels"] == {"test": {"d": 1}}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_so_it_is_by_the_workers_of_ray(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    from seqclf.run.ray_each import engine_of

    with engine_of("ray") as by_ray:
        assert by_ray is not None
        both(tmp_path, folders(tmp_path), Tokenization(), by_ray, word_indexers={"characters": {}})
        broken = write(tmp_path / "broken", [3, 3], lambda row: "" if row == 4 else one(row))
        with pytest.raises(UserError, match=r"1\.jsonl, line 2, column 'label': the label is empty"):
            build_store(Files(train=broken), Tokenization(), cache=tmp_path / "cache", each=by_ray)


@pytest.mark.parametrize("max_length", [None, 2])
def test_so_it_is_with_what_is_inside_of_words(tmp_path: Path, max_length: int | None) -> None:
    store = both(tmp_path, folders(tmp_path), Tokenization(max_length=max_length), word_indexers={"characters": {}})
    assert store.train.words is not None


def test_so_it_is_with_several_labels(tmp_path: Path) -> None:
    assert both(tmp_path, folders(tmp_path, some), Tokenization(), multilabel=True).train.label_offsets is not None


def test_so_it_is_with_categories_and_numbers(tmp_path: Path) -> None:
    both(tmp_path, folders(tmp_path, categorical=["brand"], numeric=["size"]), Tokenization())


@pytest.mark.parametrize("join_fields", [False, True])
def test_so_it_is_with_pairs_and_joined_fields(tmp_path: Path, join_fields: bool) -> None:
    source = folders(tmp_path, left=["title"], right=["body"]) if not join_fields else folders(tmp_path)
    both(tmp_path, source, Tokenization(), join_fields=join_fields)


@pytest.mark.parametrize("inside", [{}, {"characters": {}}], ids=["words", "characters"])
def test_so_it_is_when_a_vocabulary_grows(tmp_path: Path, inside: dict[str, Any]) -> None:
    few = write(tmp_path / "few", [4], one)
    start = build_store(
        Files(train=few, text=["title", "body"]),
        Tokenization(max_length=6),
        validation_size=0,
        cache=tmp_path,
        word_indexers=inside,
    ).vocabulary
    store = both(tmp_path, folders(tmp_path), Tokenization(min_count=2), start=start, word_indexers=inside)
    assert store.vocabulary.size() > start.size()


def test_a_table_that_is_one_file_is_one_shard(tmp_path: Path) -> None:
    folder = Path(write(tmp_path / "train", [30], one))
    both(tmp_path, lambda: Files(train=str(folder / "0.jsonl"), text=["title", "body"]), Tokenization())


def test_a_mistake_is_said_with_its_shard(tmp_path: Path) -> None:
    source = folders(tmp_path, lambda row: "" if row == 9 else one(row))
    with pytest.raises(UserError, match=r"2\.jsonl, line 2, column 'label': the label is empty"):
        build_store(source(), Tokenization(), cache=tmp_path / "cache", each=each)
    assert not list((tmp_path / "cache").glob("*store*/*"))
