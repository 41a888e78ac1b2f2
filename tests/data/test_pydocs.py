import re
from collections import Counter
from pathlib import Path

import pytest

from seqclf.data import pydocs
from seqclf.data.pydocs import Pydocs, PydocsTable, Record, read_records
from seqclf.data.pydocs_chapters import CHAPTERS
from seqclf.errors import UserError


@pytest.fixture(scope="module")
def splits() -> dict[str, list[tuple[str, ...]]]:
    return {split: [row.values for row in table.rows()] for split, table in Pydocs().splits().items()}


def test_it_is_a_data_set_of_some_size(splits: dict[str, list[tuple[str, ...]]]) -> None:
    train, test = splits["train"], splits["test"]
    assert len(train) + len(test) > 4000
    assert 0.16 < len(test) / (len(train) + len(test)) < 0.24
    counts = Counter(label for *_, label in train + test)
    assert len(counts) >= 20
    assert min(counts.values()) >= pydocs.FEWEST
    assert {label for *_, label in test} <= {label for *_, label in train} <= set(CHAPTERS)


def test_a_known_function_is_there_without_its_module(splits: dict[str, list[tuple[str, ...]]]) -> None:
    records = {(name, label): (signature, doc) for name, signature, doc, label in splits["train"] + splits["test"]}
    signature, doc = records["Queue.put", "concurrent execution"]
    assert signature == "item, block=True, timeout=None"
    assert doc.startswith("Put an item into the queue.")


def test_equal_docstrings_fall_on_one_side(splits: dict[str, list[tuple[str, ...]]]) -> None:
    assert not {doc for _, _, doc, _ in splits["train"]} & {doc for _, _, doc, _ in splits["test"]}


def test_fingerprints_of_the_two_sides_differ() -> None:
    train, test = Pydocs().splits().values()
    assert train.fingerprint() != test.fingerprint()
    assert train.fingerprint() == Pydocs(text=["doc"]).splits()["train"].fingerprint()


def test_every_module_has_one_chapter() -> None:
    modules = " ".join(CHAPTERS.values()).split()
    assert len(modules) == len(set(modules))


def test_nothing_is_read_before_rows_are_asked_for(tmp_path: Path) -> None:
    table = PydocsTable(tmp_path / "nowhere", test=False)
    assert table.columns == ("name", "signature", "doc", "label")
    with pytest.raises(UserError, match=f"no sources of its standard library under {re.escape(str(tmp_path))}"):
        list(table.rows())


SOURCE = '''
def function(a, /, b: int = 1, *rest, key="x", **options) -> str:
    """Documented."""
    def inner():
        """Nobody's interface."""

async def wait(): "Waits."

def silent(): pass

class Outer(Base):
    """A class."""
    def __init__(self, size=0): "Makes it."
    class Inner:
        "Without a constructor."
        def method(self, x): "A method."
        @staticmethod
        def static(x): "A static one."
        @classmethod
        def of(cls, *, x=1): "A class method."

try:
    import fast
except ImportError:
    fast = None
if fast is None:
    def slow(): "Conditional."
'''


def test_records_are_what_the_source_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pydocs, "FEWEST", 3)
    (tmp_path / "heapq.py").write_text(SOURCE)
    (tmp_path / "json" / "tests").mkdir(parents=True)
    (tmp_path / "json" / "tests" / "test_json.py").write_text(SOURCE)
    (tmp_path / "json" / "decoder.py").write_text('def decode(text): "Too few of this chapter."')
    (tmp_path / "csv.py").write_text("this is no python")
    (tmp_path / "unknown.py").write_text(SOURCE)
    assert read_records(tmp_path) == tuple(
        Record(name, signature, doc, "data types")
        for name, signature, doc in [
            ("function", "a, /, b: int=1, *rest, key='x', **options", "Documented."),
            ("wait", "", "Waits."),
            ("Outer", "size=0", "A class."),
            ("Outer.__init__", "size=0", "Makes it."),
            ("Outer.Inner", "", "Without a constructor."),
            ("Outer.Inner.method", "x", "A method."),
            ("Outer.Inner.static", "x", "A static one."),
            ("Outer.Inner.of", "*, x=1", "A class method."),
            ("slow", "", "Conditional."),
        ]
    )


def test_the_stamp_follows_the_sources(tmp_path: Path) -> None:
    (tmp_path / "heapq.py").write_text(SOURCE)
    train, test = PydocsTable(tmp_path, test=False), PydocsTable(tmp_path, test=True)
    before = train.stamp()
    assert before != test.stamp()
    assert train.stamp() == before
    (tmp_path / "heapq.py").write_text(SOURCE + "\n")
    assert train.stamp() != before
