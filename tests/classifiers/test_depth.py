from seqclf.classifiers.depth import STACK, depths
from seqclf.nn.record_encoder import RecordEncoder


def test_parts_without_parameters_are_not_counted() -> None:
    names = [
        "text_field_embedder.token_embedders.tokens.embedding.weight",
        "seq2vec_encoder.lstm.weight",
        "seq2vec_encoder.lstm.bias",
        "feed_forward.layers.0.weight",
        "projection.weight",
        "wide.weight",
    ]
    assert list(depths(names).values()) == [3, 2, 2, 1, 0, 0]
    assert depths([*names, "multifield_seq2vec_encoder.query"])["seq2vec_encoder.lstm.bias"] == 3
    assert depths([]) == {}


def test_the_stack_is_that_of_the_record_encoder() -> None:
    assert set(STACK) <= set(RecordEncoder.__init__.__annotations__)
    assert set(RecordEncoder.__init__.__annotations__) - set(STACK) == {"dropout", "multifield_dropout", "return"}
