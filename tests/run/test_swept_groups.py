import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from seqclf.run.swept_groups import left_to_jobs, of_one_value


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("encoder.hidden_size=8", "encoder.hidden_size=choice(8)"),
        ("encoder.ngram_filter_sizes=[2,3]", "encoder.ngram_filter_sizes=choice([2,3])"),
        ("data.train='my, file.csv'", "data.train=choice('my, file.csv')"),
        ("loss.weights={a: 2}", "loss.weights=choice({a: 2})"),
        ("data.train=${oc.env:FILE}", "data.train=choice(${oc.env:FILE})"),
        ("encoder.hidden_size=8,16", "encoder.hidden_size=8,16"),
        ("encoder.dropout=interval(0,1)", "encoder.dropout=interval(0,1)"),
        ("encoder.hidden_size=null", "encoder.hidden_size=null"),
        ("data.train=", "data.train="),
        ("data.train=a=b", "data.train=a=b"),
        ("+encoder.more=1", "+encoder.more=1"),
        ("++encoder.more=1", "++encoder.more=1"),
        ("~encoder.mode", "~encoder.mode"),
        ("hydra.sweep.dir=x", "hydra.sweep.dir=x"),
        ("seed=1", "seed=1"),
        ("task=pair", "task=pair"),
        ("--config-dir", "--config-dir"),
        ("conf", "conf"),
    ],
)
def test_a_key_of_a_part_is_the_jobs_where_a_sweep_varies_a_group(typed: str, left: str) -> None:
    assert left_to_jobs(["encoder=lstm,gru", typed]) == ["encoder=lstm,gru", left]
    assert left_to_jobs(["encoder=lstm", "seed=1,2", typed]) == ["encoder=lstm", "seed=1,2", typed]


@pytest.mark.parametrize(
    ("typed", "of_jobs"),
    [
        ("a=8", "a=8"),
        ("a=choice(8)", "a=8"),
        ("+a=choice([1,2])", "+a=[1,2]"),
        ("a=[1,2]", "a=[1,2]"),
        ("~a", "~a"),
        ("a=8,9", None),
        ("a=interval(0,1)", None),
    ],
)
def test_a_choice_of_one_is_one_value(typed: str, of_jobs: str | None) -> None:
    assert of_one_value(OverridesParser.create().parse_override(typed)) == of_jobs
