from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pytest

from seqclf.data.typed import as_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        ("NA", "NA"),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1.0, "1.0"),
        (Decimal("1.50"), "1.50"),
        (date(2020, 1, 2), "2020-01-02"),
        (datetime(2020, 1, 2, 3, 4, 5), "2020-01-02T03:04:05"),
        (time(3, 4), "03:04:00"),
        (timedelta(hours=1), "1:00:00"),
    ],
)
def test_a_typed_value_becomes_text(value: object, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("value", [["a"], {"a": 1}, b"a"])
def test_what_is_no_single_text_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="not one text"):
        as_text(value)
